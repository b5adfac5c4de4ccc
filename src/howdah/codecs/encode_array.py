"""
Encode lists into arrays, and pairs of bounds into ranges, element by element.

Formats: array_send gives dimensions, whether there are NULLs, the element's oid, then for each
dimension length and lower bound, then the elements with their lengths; range_send gives flags
and the bounds that there are with theirs.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from howdah.codecs.base import Params
from howdah.codecs.encode_any_moment import any_date, any_moment, any_time
from howdah.codecs.encode_any_number import any_boolean, any_integer, any_numeric, any_real
from howdah.codecs.encode_duration import any_duration
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.encode_labels import any_bits, any_label, any_uuid
from howdah.codecs.encode_network import any_hardware_address, any_network
from howdah.codecs.params import read_choice, read_integer
from howdah.codecs.pgtypes import ELEMENT_TYPES, PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.errors import UsageError

#: How a TEXT that is neither a JSON list nor PostgreSQL's {…} is read: not at all, or cut at commas.
SPLIT_CHOICES = ("reject", "comma")

_DIMENSIONS_MAX = 6
_HEX = re.compile(r"\\x((?:[0-9a-fA-F]{2})*)")
_EMPTY, _LOWER_INCLUSIVE, _UPPER_INCLUSIVE, _LOWER_INFINITE, _UPPER_INFINITE = 1, 2, 4, 8, 16
_RANGE = re.compile(
    r'\s*([\[(])\s*("(?:[^"\\]|""|\\.)*"|[^",)\]]*),\s*("(?:[^"\\]|""|\\.)*"|[^",)\]]*)([\])])\s*', re.DOTALL
)


def _any_bytes(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value in bytea's spelling, \\x and hexadecimal digits."""

    def convert(value: Stored, notes: Notes) -> bytes:
        match = _HEX.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise Unfit("not-bytes")
        return bytes.fromhex(match[1])

    return convert


def _any_padded(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → char(n), which the server fills up with spaces."""
    convert_text = _any_text(params, PgType(base="text"))
    width = pg_type.modifiers[0] if pg_type.modifiers else None
    if params.get("pad") != (None if width is None else str(width)):
        raise UsageError("C-105", 'parameter "pad" of the codec is not the length of char(n)')

    def convert(value: Stored, notes: Notes) -> bytes:
        field = convert_text(value, notes)
        if width is not None and len(field.decode().rstrip(" ")) > width:
            raise Unfit("too-long")
        return field

    return convert


def _any_text(params: Params, pg_type: PgType) -> Convert:
    limit = pg_type.modifiers[0] if pg_type.modifiers else None

    def convert(value: Stored, notes: Notes) -> bytes:
        text = value if isinstance(value, str) else None
        if text is None or "\0" in text:
            raise Unfit("not-text" if text is None else "nul-in-text")
        if limit is not None and len(text) > limit:
            raise Unfit("too-long")
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise Unfit("invalid-utf8") from None

    return convert


#: Base name of the element → its converter.
_ELEMENTS: Mapping[str, Callable[[Params, PgType], Convert]] = {
    "int2": any_integer,
    "int4": any_integer,
    "int8": any_integer,
    "oid": any_integer,
    "bool": any_boolean,
    "float4": any_real,
    "float8": any_real,
    "numeric": any_numeric,
    "text": _any_text,
    "varchar": _any_text,
    "char": _any_padded,
    "bpchar": _any_padded,
    "citext": _any_text,
    "uuid": any_uuid,
    "date": any_date,
    "time": any_time,
    "timetz": any_time,
    "timestamp": any_moment,
    "timestamptz": any_moment,
    "interval": any_duration,
    "inet": any_network,
    "cidr": any_network,
    "macaddr": any_hardware_address,
    "macaddr8": any_hardware_address,
    "bytea": _any_bytes,
    "bit": any_bits,
    "varbit": any_bits,
    "enum": any_label,
}
assert frozenset(_ELEMENTS) == ELEMENT_TYPES


def element_converter(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one element, or bound. Raises UsageError C-104, C-105."""
    element = pg_type.element
    if element is None or element.base not in _ELEMENTS:
        raise UsageError("C-104", "no codec writes elements of this type")
    if params.get("element") != element.base:
        raise UsageError(
            "C-105",
            'parameter "element" of the codec does not fit the type',
            hint=f'Write element = "{element.base}" beside it: reading back needs to know it.',
        )
    return _ELEMENTS[element.base](params, element)


def any_array(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → array."""
    convert_element = element_converter(params, pg_type)
    at_commas = read_choice(params, "split", SPLIT_CHOICES) == "comma"
    oid = read_integer(params, "element_oid")
    if oid is None:
        raise UsageError("C-103", 'codec "array" needs the parameter "element_oid"')

    def convert(value: Stored, notes: Notes) -> bytes:
        if not isinstance(value, str):
            raise Unfit("not-a-list")
        elements, notes_of_elements = _read_list(value, pg_type.element, at_commas), notes
        if value.lstrip().startswith("{"):
            # In PostgreSQL's spelling every element is text: to read a number from it changes nothing.
            notes_of_elements = Notes()
        lengths, flat = read_shape(elements)
        fields = [
            None if element is None else convert_element(_as_stored(element, "not-a-list"), notes_of_elements)
            for element in flat
        ]
        return pack_array(lengths, fields, oid)

    return convert


def pack_array(lengths: Sequence[int], fields: Sequence[bytes | None], oid: int) -> bytes:
    """Put an array together: the length of every dimension, and the elements one after the other."""
    head = struct.pack(">iiI", len(lengths), None in fields, oid)
    dimensions = b"".join(struct.pack(">ii", length, 1) for length in lengths)
    return head + dimensions + b"".join(map(with_length, fields))


def with_length(field: bytes | None) -> bytes:
    """Put the length in front of a field, -1 for NULL."""
    return struct.pack(">i", -1) if field is None else struct.pack(">i", len(field)) + field


def _as_stored(element: object, reason: str) -> Stored:
    if isinstance(element, bool):
        return int(element)
    if isinstance(element, int | float | str) and element == element:  # Python reads NaN, which is no JSON
        return element
    raise Unfit(reason)


def read_json(text: str, element: PgType | None, reason: str) -> Any:
    """Read JSON; the numbers of a numeric stay texts, with all their digits. Raises Unfit for that reason."""
    exact = str if element is not None and element.base == "numeric" else None
    try:
        return json.loads(text, parse_float=exact, parse_int=exact)
    except (ValueError, RecursionError):
        raise Unfit(reason) from None


def _read_list(text: str, element: PgType | None, at_commas: bool) -> list[object]:
    body = text.strip()
    if body.startswith("["):
        return list(read_json(body, element, "not-a-list"))
    if body.startswith("{"):
        return read_literal(body)
    if at_commas:
        return [part.strip() for part in text.split(",")] if body else []
    raise Unfit("not-a-list")


#: Blanks around an element count for nothing, unless a backslash stands before them; they are ASCII's.
_TOKEN = re.compile(r'\s*(?:([{},])|"((?:[^"\\]|\\.)*)"|((?:\s*(?:[^\s{},"\\]|\\.))+))', re.DOTALL | re.ASCII)


def read_literal(text: str) -> list[object]:
    """Read PostgreSQL's {…}, nested lists included. Raises Unfit."""
    stack: list[list[object]] = []
    position = 0
    expects_element = True
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            break
        position = match.end()
        mark, quoted, bare = match.groups()
        if mark == "{":
            fresh: list[object] = []
            if stack:
                stack[-1].append(fresh)
            stack.append(fresh)
            expects_element = True
        elif mark == "}" and stack and (not expects_element or not stack[-1]):
            closed = stack.pop()
            expects_element = False
            if not stack:
                if position != len(text):
                    break
                return closed
        elif mark == "," and not expects_element:
            expects_element = True
        elif mark is None and stack and expects_element:
            content = re.sub(r"\\(.)", r"\1", quoted if quoted is not None else bare, flags=re.DOTALL)
            is_null = bare is not None and bare.upper() == "NULL"
            stack[-1].append(None if is_null else content)
            expects_element = False
        else:
            break
    raise Unfit("not-a-list")


def read_shape(elements: list[object]) -> tuple[list[int], list[object]]:
    """Return the length of every dimension and the elements one after the other. Raises Unfit."""
    if not elements:
        return [], []
    if not any(isinstance(element, list) for element in elements):
        return [len(elements)], elements
    shapes = [read_shape(element) if isinstance(element, list) else ([-1], []) for element in elements]
    inner = shapes[0][0]
    if not inner or any(lengths != inner for lengths, _ in shapes) or len(inner) >= _DIMENSIONS_MAX:
        raise Unfit("not-rectangular")
    return [len(elements), *inner], [element for _, flat in shapes for element in flat]


def any_range(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → range."""
    convert_bound = element_converter(params, pg_type)

    def convert(value: Stored, notes: Notes) -> bytes:
        if not isinstance(value, str):
            raise Unfit("not-a-range")
        is_json = value.lstrip().startswith("{")
        bounds = _read_range_json(value, pg_type.element) if is_json else _read_range(value)
        if bounds is None:
            return bytes((_EMPTY,))
        brackets, lower, upper = bounds
        ends = [
            None if end is None else convert_bound(_as_stored(end, "not-a-range"), Notes())
            for end in (lower, upper)
        ]
        flags = 0
        flags |= _LOWER_INFINITE if ends[0] is None else _LOWER_INCLUSIVE if brackets[0] == "[" else 0
        flags |= _UPPER_INFINITE if ends[1] is None else _UPPER_INCLUSIVE if brackets[1] == "]" else 0
        return bytes((flags,)) + b"".join(with_length(end) for end in ends if end is not None)

    return convert


def _read_range(text: str) -> tuple[str, str | None, str | None] | None:
    if text.strip().lower() == "empty":
        return None
    match = _RANGE.fullmatch(text)
    if match is None:
        raise Unfit("not-a-range")
    opening, lower, upper, closing = match.groups()
    return opening + closing, _unquote_bound(lower), _unquote_bound(upper)


def _unquote_bound(text: str) -> str | None:
    if not text.startswith('"'):
        return text.strip() or None
    return re.sub(r'""|\\(.)', lambda found: found[1] or '"', text[1:-1], flags=re.DOTALL)


def _read_range_json(text: str, element: PgType | None) -> tuple[str, object, object] | None:
    """Read {"lower": …, "upper": …, "bounds": "[)"}, as Django writes ranges."""
    document = read_json(text, element, "not-a-range")
    if document == {"empty": True}:
        return None
    brackets = document.get("bounds", "[)")
    if not {"lower", "upper"} <= document.keys() or brackets not in ("[)", "[]", "()", "(]"):
        raise Unfit("not-a-range")
    return brackets, document["lower"], document["upper"]


def encode_array(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → array."""
    return encode_each(column, any_array(params, parse_type(pg_type)))


def encode_range(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → range."""
    return encode_each(column, any_range(params, parse_type(pg_type)))
