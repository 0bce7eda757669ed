"""`python -m precepts`."""

from precepts.cli.main import main

main()
