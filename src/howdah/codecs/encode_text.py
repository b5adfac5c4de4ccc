"""
Encode TEXT into text, varchar and char, and check on the way what PostgreSQL cannot keep.

The bytes of a batch go to the wire untouched and uncopied. UTF-8 is validated by
Arrow over the whole batch and NUL searched in the whole buffer; only where one of
them finds something are single values looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.params import read_choice
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import (
    Mask,
    Rejections,
    encoded,
    map_rows,
    mask_of,
    no_values,
    offsets_and_bytes,
    present,
    replace_values,
    rows_of_matches,
    without_nulls,
)
from howdah.model.limits import FIELD_BYTES_MAX

INVALID_UTF8_CHOICES = ("quarantine", "latin1", "replace", "escape")
NUL_CHOICES = ("quarantine", "strip", "replace")

#: U+2400 SYMBOL FOR NULL.
_NUL_SYMBOL = "\u2400".encode()

#: NAMEDATALEN - 1 (pg_config_manual.h).
_NAME_BYTES_MAX = 63

_NUL = re.compile(b"\0")

#: Slices of a batch that Arrow refuses are halved down to this many values, then tried one by one.
_BISECT_ROWS = 16

_REPAIRS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "latin1": ("utf8-read-as-latin1", lambda content: content.decode("latin-1").encode()),
    "replace": ("utf8-replaced", lambda content: content.decode("utf-8", "replace").encode()),
    "escape": ("utf8-escaped", lambda content: content.decode("utf-8", "backslashreplace").encode()),
}


def rows_with_nul(part: pa.Array) -> npt.NDArray[np.int64]:
    """Return the rows whose bytes hold a NUL."""
    positions, content = offsets_and_bytes(part)
    if len(content) == 0:
        return np.zeros(0, dtype=np.int64)
    first, last = int(positions[0]), int(positions[-1])
    # A literal of one byte is searched with memchr: no copy and no array of booleans.
    found = [match.start() for match in _NUL.finditer(content.data, first, last)]
    return rows_of_matches(part, found) if found else np.zeros(0, dtype=np.int64)


def rows_with_invalid_utf8(part: pa.Array) -> npt.NDArray[np.int64]:
    """Return the rows whose bytes are not UTF-8 as PostgreSQL takes it (no surrogates, no overlong forms)."""
    bad: list[int] = []
    _collect_invalid(part, 0, bad)
    return np.asarray(bad, dtype=np.int64)


def _collect_invalid(part: pa.Array, start: int, bad: list[int]) -> None:
    try:
        part.cast(pa.utf8())
    except pa.ArrowInvalid:
        pass
    else:
        return
    if len(part) <= _BISECT_ROWS:
        bad.extend(
            start + row for row, value in enumerate(part) if value.is_valid and not _is_utf8(value.as_py())
        )
        return
    middle = len(part) // 2
    _collect_invalid(part.slice(0, middle), start, bad)
    _collect_invalid(part.slice(middle), start + middle, bad)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def checked_text(
    part: pa.Array, rejections: Rejections, changed: dict[str, Mask], params: Params, pg_type: PgType
) -> pa.Array:
    """
    Return the texts as the target may hold them; reject or, where `params` say so, change what it may not.

    Shared by every codec that writes text. NUL comes after UTF-8: a value read as Latin-1 may hold both.
    """
    on_invalid = read_choice(params, "invalid_utf8", INVALID_UTF8_CHOICES)
    on_nul = read_choice(params, "nul", NUL_CHOICES)
    invalid = rows_with_invalid_utf8(part)
    if len(invalid):
        if on_invalid == "quarantine":
            rejections.add_rows("invalid-utf8", invalid)
        else:
            rule, repair = _REPAIRS[on_invalid]
            part = replace_values(part, map_rows(part, invalid, repair))
            changed[rule] = mask_of(invalid, len(part))
    with_nul = rows_with_nul(part)
    with_nul = with_nul[~rejections.taken[with_nul]]
    if len(with_nul):
        if on_nul == "quarantine":
            rejections.add_rows("nul-in-text", with_nul)
        else:
            substitute = b"" if on_nul == "strip" else _NUL_SYMBOL
            part = replace_values(
                part, map_rows(part, with_nul, lambda content: content.replace(b"\0", substitute))
            )
            changed["nul-stripped" if on_nul == "strip" else "nul-replaced"] = mask_of(with_nul, len(part))
    _check_length(part, rejections, pg_type)
    return part


def _check_length(part: pa.Array, rejections: Rejections, pg_type: PgType) -> None:
    positions, _ = offsets_and_bytes(part)
    byte_lengths = np.diff(positions)
    rejections.add("field-too-long", byte_lengths > FIELD_BYTES_MAX)
    if pg_type.base == "name":
        rejections.add("too-long", byte_lengths > _NAME_BYTES_MAX)
    if pg_type.base in ("varchar", "char") and pg_type.modifiers:
        _reject_too_many_characters(part, byte_lengths, pg_type.modifiers[0], rejections)
    if pg_type.base in ("char", "bpchar"):
        # character(n) is filled up with spaces, so spaces at the end cannot be told from the filling.
        _reject_trailing_spaces(part, rejections)


def _reject_too_many_characters(
    part: pa.Array, byte_lengths: npt.NDArray[np.int32], limit: int, rejections: Rejections
) -> None:
    """Reject what has more than `limit` characters; what has no more bytes needs no counting."""
    rows = np.flatnonzero((byte_lengths > limit) & ~rejections.taken & present(part, len(part)))
    characters = pc.utf8_length(part.take(pa.array(rows)).cast(pa.utf8())).to_numpy(zero_copy_only=False)
    rejections.add_rows("too-long", rows[characters > limit])


def _reject_trailing_spaces(part: pa.Array, rejections: Rejections) -> None:
    positions, content = offsets_and_bytes(part)
    filled = np.flatnonzero((np.diff(positions) > 0) & present(part, len(part)))
    last_bytes = content[positions[1:][filled] - 1]
    rejections.add_rows("trailing-space", filled[last_bytes == 0x20])


def encode_text(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → text, varchar(n), char(n) (textsend: the bytes)."""
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("text",), "not-text")
    values = present(column.text, column.length)
    if column.text is None:
        return encoded(rejections, values, variable=no_values(column.length))
    changed: dict[str, Mask] = {}
    checked = checked_text(column.text, rejections, changed, params, parse_type(pg_type))
    return encoded(rejections, values, variable=without_nulls(checked), changed=changed)
