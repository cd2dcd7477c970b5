#!/bin/sh
# One virtual environment for each peer that recbench is measured beside, with pinned versions:
#
#     sh benchmarks/peers.sh [FOLDER]
#
# makes FOLDER/rectools and FOLDER/recbole (FOLDER is ./peers where none is given) with the
# python3 of the PATH; the versions are those for Python 3.11. What is there already is brought up
# to the lists again.
set -eu
folder=${1:-peers}
here=$(dirname "$0")
for peer in rectools recbole; do
    python3 -m venv "$folder/$peer"
    "$folder/$peer/bin/pip" install --quiet --no-deps -r "$here/peers-$peer.txt"
    echo "$folder/$peer is ready"
done
