"""Howdah carries an application from SQLite onto PostgreSQL and proves that nothing was lost."""

from importlib.metadata import version

__version__ = version("howdah")
