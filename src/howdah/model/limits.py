"""Limits that several rooms must agree on, in bytes unless said otherwise."""

from __future__ import annotations

#: A value longer than this leaves the batches and is streamed on a path of its own.
BIG_VALUE_BYTES = 4 * 1024 * 1024

#: Aim for one batch on its way from SQLite to PostgreSQL.
BATCH_BYTES = 4 * 1024 * 1024

#: Rows of one batch at the most, so that narrow tables report progress too.
BATCH_ROWS = 16_384

#: Values altered by a rule that one step names one by one; all are counted.
NAMED_VALUES_MAX = 10_000

#: PostgreSQL refuses a field of 1 GB (MaxAllocSize, src/include/utils/memutils.h).
FIELD_BYTES_MAX = 1024**3 - 1024

#: pg_dump writes a bytea as hex, twice its size, in one field.
BYTEA_DUMP_BYTES_MAX = 512 * 1024**2 - 1024
