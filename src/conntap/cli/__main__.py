"""`python -m conntap.cli` is `tap`."""

from conntap.cli import main

main()
