"""
The command line: it parses and renders, and decides nothing.

`app` joins one command per verb of `ops`; `main` runs it and turns every way a
command can end into the documented exit status. Nothing that is slow to import is
imported here or in the modules of the commands: a command imports what it runs when
it runs, so that `howdah --help` answers at once.
"""

from howdah.cli.main import main

__all__ = ["main"]
