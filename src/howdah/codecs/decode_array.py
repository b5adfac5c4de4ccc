"""
Spell arrays and ranges as PostgreSQL prints them, for the proof.

The element's speller comes by parameter `element`, its base type; quoting follows
array_out and range_deparse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from howdah.codecs.base import Params
from howdah.codecs.decode_any_moment import spell_date, spell_moment, spell_time
from howdah.codecs.decode_any_number import spell_boolean, spell_integer, spell_numeric
from howdah.codecs.decode_duration import spell_duration
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.decode_labels import spell_plain, spell_uuid
from howdah.codecs.decode_network import spell_hardware_address, spell_network
from howdah.codecs.values import SourceColumn


def _spell_float(width: int) -> Callable[[Params], Spell]:
    def factory(params: Params) -> Spell:
        def spell(value: Stored) -> str | None:
            if isinstance(value, bytes):
                return None
            with np.errstate(over="ignore"):
                number = np.float64(value) if width == 8 else np.float32(float(value))
            if not np.isfinite(number):
                return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(number))
            return _print_float(_shortest(number), largest_plain=15 if width == 8 else 6)

        return spell

    return factory


def _shortest(number: np.floating[Any]) -> Decimal:
    """
    Return the shortest decimal that tells a number from its neighbours, as PostgreSQL finds it.

    Python and numpy take one that lies in the middle between two as well, where rounding to even leads back.
    """
    exact = Fraction(float(number))
    with np.errstate(over="ignore"):
        neighbours = [np.nextafter(number, number.dtype.type(end)) for end in ("-inf", "inf")]
    borders = [(exact + Fraction(float(other))) / 2 for other in neighbours if np.isfinite(other)]
    shortest = Decimal(str(number))
    places = len(shortest.as_tuple().digits)
    while Fraction(shortest) in borders:
        shortest = Decimal(f"{float(number):.{places}e}")
        places += 1
    return shortest


def _print_float(number: Decimal, *, largest_plain: int) -> str:
    """Print as float8out does with extra_float_digits: scientific from 1e15 (float4: 1e6) and below 1e-4."""
    sign, digits, _ = number.normalize().as_tuple()
    prefix = "-" if sign else ""
    if not any(digits):
        return prefix + "0"
    power = number.normalize().adjusted()
    shown = "".join(map(str, digits))
    if not -5 < power < largest_plain:
        mantissa = shown[0] + ("." + shown[1:] if len(shown) > 1 else "")
        return f"{prefix}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return f"{number.normalize():f}"


def _spell_padded(params: Params) -> Spell:
    """Character data of fixed length, filled up with spaces; more of them than fit are cut off."""
    width = int(params.get("pad", "0"))

    def spell(value: Stored) -> str | None:
        text = spell_plain(params)(value)
        return text if text is None or not width else text.rstrip(" ").ljust(width)

    return spell


def _spell_bytes(params: Params) -> Spell:
    return lambda value: value.lower() if isinstance(value, str) else None


def _spell_truth(params: Params) -> Spell:
    # Inside arrays booleans are printed by boolout, with one letter.
    truths = {"true": "t", "false": "f", None: None}
    return lambda value: truths[spell_boolean(params)(value)]


def _spell_scaled(params: Params) -> Spell:
    """Numeric with all digits of its scale, or of its literal, as it stands inside an array or a range."""
    plain = spell_numeric(params)

    def spell(value: Stored) -> str | None:
        text = plain(value)
        literal = value if isinstance(value, str) else ""
        scale = int(params["scale"]) if "scale" in params else -int(Decimal(literal or "0").as_tuple()[2])
        if text is None or scale <= 0 or "I" in text:
            return text
        before, _, after = text.partition(".")
        return f"{before}.{after.ljust(scale, '0')}"

    return spell


_SPELLERS: Mapping[str, Callable[[Params], Spell]] = {
    "int2": spell_integer,
    "int4": spell_integer,
    "int8": spell_integer,
    "oid": spell_integer,
    "bool": _spell_truth,
    "float4": _spell_float(4),
    "float8": _spell_float(8),
    "numeric": _spell_scaled,
    "text": spell_plain,
    "varchar": spell_plain,
    "char": _spell_padded,
    "bpchar": _spell_padded,
    "bit": spell_plain,
    "varbit": spell_plain,
    "bytea": _spell_bytes,
    "citext": spell_plain,
    "enum": spell_plain,
    "uuid": spell_uuid,
    "date": spell_date,
    "time": lambda params: spell_time(params, zoned=False),
    "timetz": lambda params: spell_time(params, zoned=True),
    "timestamp": lambda params: spell_moment(params, zoned=False),
    "timestamptz": lambda params: spell_moment(params, zoned=True),
    "interval": spell_duration,
    "inet": lambda params: spell_network(params, is_cidr=False),
    "cidr": lambda params: spell_network(params, is_cidr=True),
    "macaddr": spell_hardware_address,
    "macaddr8": spell_hardware_address,
}
#: Opening bracket, lower and upper bound (None for none), closing bracket.
Bounds = tuple[str, str | None, str | None, str]

#: What array_in passes over around an element.
_BLANKS = " \t\n\r\v\f"

#: Types whose ranges PostgreSQL brings to the form [lower,upper).
_DISCRETE = ("int4", "int8", "date")


def spell_array(params: Params) -> Spell:
    """Return the speller for arrays."""
    spell_element = _SPELLERS[params["element"]](params)
    read_json = json_reader(params)
    at_commas = params.get("split") == "comma"

    def print_list(elements: list[object]) -> str:
        return "{" + ",".join(print_element(element) for element in elements) + "}"

    def print_element(element: object) -> str:
        if element is None:
            return "NULL"
        if isinstance(element, list):
            return print_list(element)
        stored = _stored(element)
        text = spell_element(stored)
        if text is None:
            raise ValueError(text)
        return quote_element(text)

    def spell(value: Stored) -> str | None:
        if not isinstance(value, str):
            return None
        body = value.strip()
        if body.startswith("["):
            elements = read_json(body)
        elif body.startswith("{"):
            elements = read_braces(iter(body[1:]))
        elif at_commas:
            elements = [part.strip() for part in value.split(",")] if body else []
        else:
            return None
        return print_list(elements)

    return spell


def json_reader(params: Params) -> Callable[[str], Any]:
    """Return the reader of JSON documents; the numbers of a numeric stay texts, with all their digits."""
    if params["element"] == "numeric":
        return json.JSONDecoder(parse_float=str, parse_int=str).decode
    return json.JSONDecoder().decode


def _stored(element: object) -> Stored:
    if isinstance(element, bool):
        return 1 if element else 0
    if isinstance(element, int | float | str):
        return element
    raise ValueError(element)


def quote_element(text: str) -> str:
    """Quote an element as array_out does."""
    if text and text.upper() != "NULL" and not any(mark in '{}",\\ \t\n\r\v\f' for mark in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read_braces(characters: Iterator[str]) -> list[object]:
    """Read what follows "{" up to its "}", character by character. Raises StopIteration behind a last \\."""
    elements: list[object] = []
    # Up to `solid`, what stands behind a backslash counts whatever it is.
    word, solid, quoted = "", 0, False

    def finish() -> None:
        nonlocal word, solid, quoted
        text = word if quoted else word[: max(solid, len(word.rstrip(_BLANKS)))]
        if text or quoted:
            elements.append(None if not (quoted or solid) and text.lower() == "null" else text)
        word, solid, quoted = "", 0, False

    for character in characters:
        if character == "{":
            elements.append(read_braces(characters))
        elif character == "}":
            finish()
            break
        elif character == ",":
            finish()
        elif character == "\\":
            word += next(characters)
            solid = len(word)
        elif character == '"':
            quoted = True
            word = ""
            for inner in characters:
                if inner == '"':
                    break
                word += next(characters) if inner == "\\" else inner
        elif not quoted and (word or character not in _BLANKS):
            word += character
    return elements


def spell_range(params: Params) -> Spell:
    """Return the speller for ranges."""
    base = params["element"]
    spell_bound, read_json = bound_speller(params), json_reader(params)

    def spell(value: Stored) -> str | None:
        if not isinstance(value, str):
            return None
        bounds = read_bounds(spell_bound, read_json, value)
        return "empty" if bounds is None else print_range(base, *bounds)

    return spell


def bound_speller(params: Params) -> Spell:
    """Return the speller of the bounds of a range. Raises KeyError for a type that has none."""
    return _SPELLERS[params["element"]](params)


def read_bounds(
    spell_bound: Spell, read_json: Callable[[str], Any], text: str
) -> tuple[str, str | None, str | None] | None:
    """Read one range: its brackets and its bounds as PostgreSQL spells them, None for an empty one."""
    body = text.strip()
    if body.lower() == "empty":
        return None
    if body.startswith("{"):
        read = read_json(body)
        if read.get("empty"):
            return None
        brackets, ends = read.get("bounds", "[)"), [read["lower"], read["upper"]]
    else:
        brackets, ends = body[0] + body[-1], _split_bounds(body[1:-1])
    bounds = [None if end is None else spell_bound(_stored(end)) for end in ends]
    return brackets, bounds[0], bounds[1]


def _split_bounds(body: str) -> list[str | None]:
    ends: list[str | None] = []
    word, quoted, inside = "", False, False
    characters = iter(body + ",")
    for character in characters:
        if character == "\\":
            word += next(characters)
        elif character == '"':
            # A doubled quote closes and opens again at once: it stands for itself.
            word += '"' if quoted and not inside else ""
            inside, quoted = not inside, True
        elif character == "," and not inside:
            ends.append(word if quoted else word.strip() or None)
            word, quoted = "", False
        elif inside or not quoted:
            word += character
    return ends


def print_range(base: str, brackets: str, lower: str | None, upper: str | None) -> str:
    """Print a range as range_deparse does, discrete ones in the form [lower,upper)."""
    bounds = normal_bounds(base, brackets, lower, upper)
    return "empty" if bounds is None else print_bounds(bounds)


def normal_bounds(base: str, brackets: str, lower: str | None, upper: str | None) -> Bounds | None:
    """Return the bounds as PostgreSQL keeps them, None where nothing is between them."""
    opening = "(" if lower is None else brackets[0]
    closing = ")" if upper is None else brackets[1]
    if (opening, closing) != ("[", "]") and _are_equal(base, lower, upper):
        return None
    if base in _DISCRETE:
        if lower is not None and opening == "(":
            lower, opening = _next(base, lower), "["
        if upper is not None and closing == "]":
            upper, closing = _next(base, upper), ")"
        if lower is not None and lower == upper:
            return None
    return opening, lower, upper, closing


def print_bounds(bounds: Bounds) -> str:
    """Print the bounds of a range that is not empty."""
    opening, lower, upper, closing = bounds
    return f"{opening}{_quote_bound(lower)},{_quote_bound(upper)}{closing}"


def _are_equal(base: str, lower: str | None, upper: str | None) -> bool:
    if lower is None or upper is None:
        return False
    # The print of a numeric keeps zeros at its end, which count for nothing.
    return Decimal(lower) == Decimal(upper) if base == "numeric" else lower == upper


def _next(base: str, text: str) -> str:
    # Not by Python's date, which ends with the year 9999.
    return str(np.datetime64(text, "D") + 1) if base == "date" else str(int(text) + 1)


def _quote_bound(text: str | None) -> str:
    if text is None:
        return ""
    if text and not any(mark in '()[]",\\ \t\n\r\v\f' for mark in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'


def project_array(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the array."""
    return project_each(column, spell_array(params))


def project_range(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the range."""
    return project_each(column, spell_range(params))
