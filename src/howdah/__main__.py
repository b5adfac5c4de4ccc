"""`python -m howdah` is `howdah`."""

from howdah.cli import main

main()
