"""
Names of tables, columns, indexes and constraints as Strapi 5 gives them.

A name is put together from parts. One that exceeds 55 characters is shortened: the
parts that may be (names of types and attributes; never suffixes) share what room there is, and each that
must give way ends in five hex digits of its SHAKE-256. So a name depends on its parts
alone and a database made elsewhere has the same. Pure; the tests compare with Strapi's own answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from howdah.content.words import snake_case
from howdah.errors import UsageError

#: Characters of a name; leaves room for what PostgreSQL adds ("_id_seq") within its 63 bytes.
LENGTH_MAX = 55

_HASH_LENGTH = 5
#: Characters of a part that stay readable before its hash.
_KEPT_MIN = 3


def build_name(
    parts: Sequence[str], suffixes: Sequence[str] = (), prefix: str = "", *, length_max: int = LENGTH_MAX
) -> str:
    """
    Join parts with underscores within `length_max`, shortening `parts` where they must give way.

    Raises UsageError (K-110) where even the shortest form is too long.
    """
    fixed = [item for item in (prefix, *suffixes) if item]
    whole = "_".join([prefix] * bool(prefix) + [*parts, *suffixes])
    if len(whole) <= length_max:
        return whole
    room = length_max - sum(map(len, fixed)) - (len(fixed) + len(parts) - 1)
    share = room // len(parts) if parts else 0
    least = sum(len(part) if len(part) < share else _HASH_LENGTH + _KEPT_MIN for part in parts)
    if share < _KEPT_MIN or least > room:
        raise UsageError(
            "K-110",
            f'The name "{whole}" does not fit into {length_max} characters.',
            hint="Give the content type a shorter collectionName, or the attribute a shorter name.",
        )
    lengths = _allot([len(part) for part in parts], room, share)
    shortened = [shorten_part(part, length) for part, length in zip(parts, lengths, strict=True)]
    return "_".join([prefix] * bool(prefix) + [*shortened, *suffixes])


def _allot(wanted: Sequence[int], room: int, share: int) -> list[int]:
    """Give each part its share; what short ones leave goes to the long ones, a character each in turn."""
    allotted = [min(length, share) for length in wanted]
    surplus = room - sum(allotted)
    while surplus and any(given < length for given, length in zip(allotted, wanted, strict=True)):
        for index, length in enumerate(wanted):
            if surplus and allotted[index] < length:
                allotted[index] += 1
                surplus -= 1
    return allotted


def shorten_part(part: str, length: int) -> str:
    """
    Cut a part to `length` characters, the last five a hash of the whole part.

    Raises UsageError (K-110) where the length leaves no three characters before the hash.
    """
    if len(part) <= length:
        return part
    if length < _HASH_LENGTH + _KEPT_MIN:
        raise UsageError("K-110", f'The name "{part}" cannot be cut to {length} characters.')
    return part[: length - _HASH_LENGTH] + hash_of(part, _HASH_LENGTH)


def hash_of(text: str, length: int) -> str:
    """Return the first `length` hex digits of SHAKE-256."""
    return hashlib.shake_256(text.encode()).hexdigest((length + 1) // 2)[:length]


def table_name(collection: str) -> str:
    """Table of entries."""
    return build_name([collection])


def column_name(attribute: str) -> str:
    """Column of a scalar attribute."""
    return build_name([snake_case(attribute)])


def component_table_name(collection: str) -> str:
    """Table that joins entries with their components."""
    return build_name([collection], ["cmps"])


def link_table_name(table: str, attribute: str) -> str:
    """Table of a relation."""
    return build_name([snake_case(table), snake_case(attribute)], ["lnk"])


def morph_table_name(table: str, attribute: str) -> str:
    """Table of a relation to any type."""
    return build_name([snake_case(table), snake_case(attribute)], ["mph"])


def id_column_name(singular: str, *, inverse: bool = False) -> str:
    """Column with an id of a type; `inverse` where the type is linked with itself."""
    return build_name([snake_case(singular)], ["id"], "inv" if inverse else "")


def type_column_name(attribute: str) -> str:
    """Column that says which type an id is of."""
    return build_name([snake_case(attribute)], ["type"])


def order_column_name(singular: str, *, inverse: bool = False) -> str:
    """Column that orders linked rows of a type."""
    return build_name([snake_case(singular)], ["ord"], "inv" if inverse else "")


def index_name(names: Sequence[str], suffix: str) -> str:
    """Index or constraint, by Strapi's short suffix: fk, ifk, ofk, oifk, uq, idx, idix, oidx."""
    return build_name(names, [suffix])
