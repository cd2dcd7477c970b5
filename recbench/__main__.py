"""`python -m recbench`, the same as `recbench`."""

from recbench.cli.main import main

if __name__ == "__main__":
    main()
