"""`python -m ops` is the `muster` command."""

from ops.cli import main

if __name__ == "__main__":
    main()
