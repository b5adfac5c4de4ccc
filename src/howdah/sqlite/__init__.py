"""The only package that opens a SQLite file."""
