#!/bin/sh
# Install the libraries that the benchmarks compare recbench with, each in a virtual environment:
#
#     sh benchmarks/peers.sh [FOLDER]
#
# This makes FOLDER/rectools and FOLDER/recbole with the python3 of the PATH (default of FOLDER:
# peers). The pinned versions need Python 3.11. Run it again to bring an existing folder up to date.
set -eu
folder=${1:-peers}
here=$(dirname "$0")
for peer in rectools recbole; do
    python3 -m venv "$folder/$peer"
    "$folder/$peer/bin/pip" install --quiet --no-deps -r "$here/peers-$peer.txt"
    echo "$folder/$peer is ready"
done
