"""Child processes, signals and progress."""
