"""Tables without a key are copied whole while nobody can write: how large they may be."""

from __future__ import annotations

from collections.abc import Iterable

from howdah.errors import RefusedError
from howdah.sqlite.live_file import LiveFile

#: Rows that a table without a key may have to be copied again while nobody can write.
KEYLESS_ROWS_MAX = 200_000


def require_small_keyless(file: LiveFile, keyless: Iterable[str]) -> None:
    """Raise RefusedError (L-104) where one of those tables is too large, outside of a look."""
    with file.looking():
        large = [name for name in keyless if file.has_more_rows(name, KEYLESS_ROWS_MAX)]
    if large:
        raise RefusedError(
            "L-104",
            "Tables without a key are too large to be copied while nobody can write.",
            detail=f"More than {KEYLESS_ROWS_MAX} rows: {', '.join(large)}.",
            hint="Give them a primary key, leave them out with --exclude, or stop the application and use"
            ' "howdah migrate".',
        )
