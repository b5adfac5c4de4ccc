"""The differential fuzzer: random databases, migrated, proven, and checked by a second program."""
