"""
Hypothesis strategies for what one SQLite column may hold.

A *flavour* is what the values of one column have in common: a column of dates, of UUIDs, of
anything. Conversions depend on what holds for every value, so a column gets one flavour,
seldom two.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from support.stored_values import Text


def _texts(*values: str) -> st.SearchStrategy[Text]:
    return st.sampled_from([Text(value.encode()) for value in values])


def _as_text(value: Any) -> Text:
    return Text(str(value).encode())


_dates = st.dates(date(1, 1, 1), date(9999, 12, 31)) | st.sampled_from(
    [date(1, 1, 1), date(9999, 12, 31), date(1970, 1, 1), date(1969, 12, 31), date(2000, 2, 29)]
)
_recent = st.datetimes(datetime(1990, 1, 2), datetime(2099, 12, 30))
_datetimes = _recent | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59))
_EPOCH = datetime(1970, 1, 1)


def _epoch(unit: timedelta) -> st.SearchStrategy[int]:
    return _recent.map(lambda moment: (moment - _EPOCH) // unit)


def _iso(separator: str, fraction: str, zone: str) -> st.SearchStrategy[Text]:
    def write(moment: datetime) -> Text:
        moment = moment.replace(microsecond=0) if fraction == "seconds" else moment
        if fraction == "milliseconds":
            moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        return _as_text(moment.isoformat(separator, "auto" if fraction == "auto" else fraction) + zone)

    return _datetimes.map(write)


_documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_uuids = st.uuids().map(str)

#: Name of the flavour → its values. No flavour holds NULL; that is the column's business.
FLAVOURS: Mapping[str, st.SearchStrategy[Any]] = {
    "small integers": st.integers(-3, 9),
    "integers": st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1, 2**31, -(2**31) - 1, 32768, 0]),
    "booleans": st.integers(0, 1),
    "years": st.integers(1000, 2999),
    "epoch seconds": _epoch(timedelta(seconds=1)),
    "epoch milliseconds": _epoch(timedelta(milliseconds=1)),
    "epoch microseconds": _epoch(timedelta(microseconds=1)),
    "prices": st.integers(-(10**7), 10**7).map(lambda cents: cents / 100),
    "reals": st.floats(allow_nan=False)
    | st.sampled_from([0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), 2.0**53]),
    "epoch reals": _recent.map(lambda moment: (moment - _EPOCH).total_seconds()),
    "julian days": st.floats(2447893, 2488069),
    "numbers": st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False),
    "letters": _texts("a", "b", "c", "A", "B", "aé", "É", ""),
    "texts": st.text(max_size=12).map(lambda text: Text(text.encode())),
    "number texts": st.integers(-(10**20), 10**20).map(_as_text)
    | _texts(
        "1.50", "0x10", " 1", "1 ", "+1", "1e3", "-0", "-0.0", "007", ".5", "5.", "9e999", "1_000", "NaN"
    ),
    "boolean words": _texts("true", "false"),
    "other boolean words": _texts("yes", "no", "t", "f", "on", "off", "True", "FALSE", "Y", "N"),
    "dates": _dates.map(_as_text),
    "odd dates": _texts(
        "2024-02-30", "0000-00-00", "24-1-2", "2024/01/02", "now", "", "2024-01-02", "-4712-01-01", "infinity"
    ),
    "times": st.times().map(lambda moment: _as_text(moment.replace(microsecond=0))),
    "fine times": st.times().map(lambda moment: _as_text(moment.isoformat("microseconds"))),
    "python times": st.times().map(_as_text),
    "odd times": _texts("24:00:00", "23:59:60", "1:2:3", "12:00", "12:00:00.1234567")
    | st.times(time(0), time(1)).map(_as_text),
    "SQL timestamps": _iso(" ", "seconds", ""),
    "ISO timestamps": _iso("T", "milliseconds", "Z"),
    "python timestamps": _iso(" ", "auto", ""),
    "zoned timestamps": _iso("T", "microseconds", "+00:00"),
    "zones apart": _iso(" ", "milliseconds", " +00:00"),
    "distant zones": _iso("T", "seconds", "+02:00"),
    "odd timestamps": _texts(
        "2024-01-02T03:04:05",
        "2024-01-02 03:04",
        "2024-01-02",
        "2024-02-30 00:00:00",
        "2024-01-02 24:00:00",
        "2024-01-02 03:04:05.1234567",
        "2024-01-02T03:04:05.1Z",
        "2024-01-02 23:59:60",
        "0000-01-01 00:00:00",
    ),
    "JSON": _documents.map(lambda value: _as_text(json.dumps(value))),
    "JSON with spaces": _documents.map(
        lambda value: _as_text(json.dumps(value, indent=1, ensure_ascii=False))
    ),
    "odd JSON": _texts(
        '{"a": 1, "a": 2}',
        '"\\u0000"',
        '"\\ud800"',
        "[1e400]",
        "[1e-400000]",
        "{a: 1}",
        "[1,]",
        "NaN",
        "",
        "[01]",
        '"\t"',
        "[" * 70 + "]" * 70,
        "-0",
        "1.0",
        " 1 ",
        '"\\uD83D\\uDE00"',
        "\ufeff{}",
    ),
    "UUIDs": _uuids.map(_as_text),
    "upper UUIDs": _uuids.map(lambda text: _as_text(text.upper())),
    "UUIDs of both cases": st.builds(
        lambda text, upper: _as_text(text.upper() if upper else text), _uuids, st.booleans()
    ),
    "UUIDs without hyphens": st.uuids().map(lambda value: _as_text(value.hex)),
    "UUID bytes": st.uuids().map(lambda value: value.bytes),
    "odd UUIDs": _texts(
        "{" + str(uuid.UUID(int=7)) + "}", "urn:uuid:" + str(uuid.UUID(int=7)), "0" * 31, "0" * 36
    ),
    "texts with NUL": _texts("a\0b", "\0", "a", "b\0"),
    "texts that are not UTF-8": st.sampled_from(
        [
            Text(b"\xff"),
            Text(b"a\xc3"),
            Text(b"\xed\xa0\x80"),
            Text(b"\xc0\x80"),
            Text(b"\xf5\x80\x80\x80"),
            Text(b"ok"),
        ]
    ),
    "blobs": st.binary(max_size=20) | st.sampled_from([b"", b"\0", b"\xff\xfe"]),
    "readable blobs": st.text(max_size=5).map(lambda text: text.encode()),
    "SQLite JSONB": st.sampled_from([b"\x0c", b"\x00", b"\x13\x31", b"\x2c\x17\x61"]),
    "long texts": st.integers(0, 300).map(lambda length: Text(b"x" * length)),
}

#: Values of any kind in one column.
anything = st.one_of(*FLAVOURS.values())
