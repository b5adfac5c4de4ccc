"""
Values of filters, which come as text, as the type of the column they are compared with.

Pure. What a column cannot be compared with is refused with Strapi's words where it has any.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from howdah.content.query.faults import invalid
from howdah.content.query.json_text import holds_nul, read_json, require_unicode
from howdah.content.query.schema import NUMBERS

TRUTHS = ("true", "t", "1", 1, True)
UNTRUTHS = ("false", "f", "0", 0, False)

# Digits are those of ASCII alone, as in JavaScript.
_TIME = re.compile(r"(2[0-3]|[01][0-9]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,3}))?")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
_DAYS = {
    re.compile(r"\d{4}", re.ASCII): "%Y",
    re.compile(r"\d{4}-\d{2}", re.ASCII): "%Y-%m",
    re.compile(r"\d{4}-\d{3}", re.ASCII): "%Y-%j",
    re.compile(r"\d{4}-W\d{2}(-\d)?", re.ASCII): "%G-W%V-%u",
}
_EPOCH = datetime(1970, 1, 1)


def as_boolean(value: Any) -> bool:
    """Return true or false as Strapi forces it: whatever is not one of the words counts by being there."""
    if isinstance(value, str | int | bool | float) and value in TRUTHS:
        return True
    if isinstance(value, str | int | bool | float) and value in UNTRUTHS:
        return False
    return bool(value)


def is_boolean_word(value: Any) -> bool:
    """Tell whether something stands for true or false."""
    return isinstance(value, str | int | bool) and (value in TRUTHS or value in UNTRUTHS)


def cast_value(kind: str, value: Any) -> tuple[Any, str]:
    """
    Return a value for a column of an attribute type, and the SQL type it is sent as.

    Raises RequestFault for what cannot be one.
    """
    if value is None:
        return None, ""
    if isinstance(value, dict | list):
        if kind in ("json", "blocks"):
            return json.dumps(value), "jsonb"
        raise invalid("Invalid filter value: expected one value, got several")
    if kind in NUMBERS:
        number = _number(value)
        # Whole numbers as such, so that an index on a whole column serves.
        if number == number.to_integral_value() and abs(number) < 2**63:
            return int(number), "bigint"
        return number, "numeric"
    match kind:
        case "boolean":
            return as_boolean(value), "boolean"
        case "date":
            return parse_date(value), "date"
        case "time":
            return parse_time(value), "time"
        case "datetime" | "timestamp":
            return parse_moment(value), "timestamp"
        case "json" | "blocks":
            return _json_text(value), "jsonb"
    return as_text(value), "text"


def _json_text(value: Any) -> str:
    """Return a value as JSON: text that is JSON stands for what it says."""
    if isinstance(value, str):
        try:
            read_json(as_text(value))
        except ValueError:
            return json.dumps(value)
        return value if not holds_nul(value) else json.dumps(value)
    return json.dumps(value)


def js_string(value: Any) -> str:
    """Return what JSON can say as JavaScript's String writes it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case float() if value.is_integer():
            return str(int(value))
        case list():
            return ",".join("" if item is None else js_string(item) for item in value)
        case dict():
            return "[object Object]"
    return str(value)


def as_text(value: Any) -> str:
    """Return a value as JavaScript writes it. Raises RequestFault for NUL, which no column holds."""
    text = js_string(value)
    if "\0" in text:
        raise invalid("Invalid value: NUL characters cannot be stored")
    return require_unicode(text)


_RADIX = re.compile(r"0([xX][0-9a-fA-F]{1,256}|[oO][0-7]{1,256}|[bB][01]{1,256})")
_DECIMAL = re.compile(r"[+-]?(\d{1,400}\.?\d{0,400}|\.\d{1,400})([eE][+-]?\d{1,5})?", re.ASCII)


def js_number(value: Any) -> float:
    """Return text as JavaScript's Number reads it: NaN for what is none, 0 for nothing but space."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    text = str(value).strip()
    if _RADIX.fullmatch(text):
        return float(int(text, 0))
    if text in ("Infinity", "+Infinity", "-Infinity"):
        return float(text)
    return float(text or "0") if not text or _DECIMAL.fullmatch(text) else math.nan


def _number(value: Any) -> Decimal:
    text = as_text(value).strip()
    if _RADIX.fullmatch(text):
        return Decimal(int(text, 0))
    if text.lower() in ("true", "false"):
        return Decimal(text.lower() == "true")
    if text and not _DECIMAL.fullmatch(text):
        raise invalid(f"Expected a valid Number, got {value}")
    number = Decimal(text or "0")
    # numeric holds 131072 digits before the point; no number in a request comes near.
    if abs(number.adjusted()) > 1000:
        raise invalid(f"Expected a valid Number, got {value}")
    return number


def parse_date(value: Any) -> str:
    """Return a date as PostgreSQL reads it. Raises RequestFault."""
    match = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not _is_day(match[1]):
        raise invalid("Invalid format, expected yyyy-MM-dd")
    return match[1]


def parse_time(value: Any) -> str:
    """Return a time of day. Raises RequestFault."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise invalid("Invalid time format, expected HH:mm:ss.SSS")
    return f"{match[1]}:{match[2]}:{match[3]}.{(match[4] or '').ljust(3, '0')}"


def parse_moment(value: Any) -> str:
    """
    Return a moment in UTC, to the millisecond: ISO 8601, or milliseconds since 1970 as text.

    Raises RequestFault.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = str(int(value))
    if isinstance(value, str):
        moment = _iso_moment(value) or _epoch_moment(value)
        if moment is not None:
            return moment.isoformat(sep=" ", timespec="milliseconds")
    raise invalid("Invalid format, expected a timestamp or an ISO date")


def _iso_moment(text: str) -> datetime | None:
    match = _MOMENT.fullmatch(_whole_day(text))
    if match is None or not _is_day(match[1]):
        return None
    hours, minutes, seconds = (int(match[place] or 0) for place in (2, 3, 4))
    if hours > 24 or minutes > 59 or seconds > 59 or (hours == 24 and (minutes or seconds)):
        return None
    fraction = int((match[5] or "0")[:3].ljust(3, "0"))
    offset = match[6] or "Z"
    shift = timedelta()
    if offset != "Z":
        digits = offset[1:].replace(":", "").ljust(4, "0")
        if int(digits[2:]) > 59:
            return None
        shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (1 if offset[0] == "+" else -1)
    try:
        day = datetime.combine(date.fromisoformat(match[1]), datetime.min.time())
        return day + timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=fraction) - shift
    except (ValueError, OverflowError):
        return None


def _whole_day(text: str) -> str:
    """Return the day that a year, a month or a week by itself begins with; any other text as it is."""
    form = next((form for pattern, form in _DAYS.items() if pattern.fullmatch(text)), None)
    if form is None:
        return text
    whole = f"{text}-1" if "W" in text and text.count("-") == 1 else text
    try:
        return datetime.strptime(whole, form).date().isoformat()
    except ValueError:
        return text


def _epoch_moment(text: str) -> datetime | None:
    if not re.fullmatch(r"-?[0-9]{1,16}", text):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(text))
    except OverflowError:
        return None


def _is_day(text: str) -> bool:
    match = _DAY.fullmatch(text)
    if match is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def now_milliseconds() -> datetime:
    """Return this moment in UTC without a zone, to the millisecond, as Strapi stores it."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
