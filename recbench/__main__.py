"""`python -m recbench`, the same as `recbench`."""

from .cli import main

if __name__ == "__main__":
    main()
