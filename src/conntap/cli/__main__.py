"""`python -m conntap.cli` is `tap`."""

from conntap.cli import main

if __name__ == "__main__":
    main()
