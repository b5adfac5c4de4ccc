"""Code, configuration and SQL of a project that still speak SQLite: found, explained, marked."""
