"""The only package that opens a PostgreSQL connection."""
