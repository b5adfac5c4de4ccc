"""
Decode timestamp, date and time into the exact text SQLite kept.

Arrow prints the moment; this module cuts it to the format and sets separator and
zone. What the format cannot show (a microsecond where milliseconds are written, a
year outside 1 to 9999) is shown in full, so that it equals no source value.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.decode_parts import label_moments, read_storage, source_column
from howdah.codecs.iso_format import IsoFormat, read_datetime_format, read_time_format
from howdah.codecs.values import SourceColumn

#: Microseconds of 0001-01-01 00:00:00 and 9999-12-31 23:59:59.999999, counted from 1970.
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
#: Days of 0001-01-01 and 9999-12-31, counted from 1970.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896

_SECOND_US = 1_000_000
_LAST_TIME_US = 24 * 60 * 60 * _SECOND_US - 1


def decode_iso_datetime(array: pa.Array, params: Params) -> SourceColumn:
    """timestamp, timestamptz → TEXT of the format `params` names."""
    plain = read_storage(array, "iso-datetime", pa.types.is_timestamp)
    written = read_datetime_format(params)
    counted = plain.cast(pa.int64())
    shown, outside = _split(counted, _FIRST_US, _LAST_US)
    text = _cut(shown.cast(pa.timestamp("us")).cast(pa.utf8()), shown, "YYYY-MM-DD HH:MM:SS", written)
    if written.separator != " ":
        text = pc.utf8_replace_slice(text, 10, 11, written.separator)
    if written.zone:
        text = pc.binary_join_element_wise(text, written.zone, "")
    return source_column(len(plain), text=_or_label(text, outside))


def decode_iso_date(array: pa.Array, params: Params) -> SourceColumn:
    """date → TEXT YYYY-MM-DD."""
    plain = read_storage(array, "iso-date", pa.types.is_date32)
    shown, outside = _split(plain.cast(pa.int32()), _FIRST_DAY, _LAST_DAY)
    return source_column(len(plain), text=_or_label(shown.cast(pa.date32()).cast(pa.utf8()), outside))


def decode_iso_time(array: pa.Array, params: Params) -> SourceColumn:
    """time → TEXT HH:MM:SS with the fraction `params` name."""
    plain = read_storage(array, "iso-time", pa.types.is_time64)
    counted = plain.cast(pa.int64())
    shown, outside = _split(counted, 0, _LAST_TIME_US)
    text = _cut(shown.cast(pa.time64("us")).cast(pa.utf8()), shown, "HH:MM:SS", read_time_format(params))
    return source_column(len(plain), text=_or_label(text, outside))


def _split(counted: pa.Array, first: int, last: int) -> tuple[pa.Array, pa.Array]:
    """Part what can be printed from what cannot (infinity, 24:00, years before 1 and after 9999)."""
    nothing = pa.scalar(None, counted.type)
    inside = pc.and_(pc.greater_equal(counted, first), pc.less_equal(counted, last))
    return pc.if_else(inside, counted, nothing), pc.if_else(inside, nothing, counted)


def _or_label(text: pa.Array, outside: pa.Array) -> pa.Array:
    return text if outside.null_count == len(outside) else pc.coalesce(text, label_moments(outside))


def _cut(full: pa.Array, microseconds: pa.Array, seconds_layout: str, written: IsoFormat) -> pa.Array:
    """Cut six digits of fraction down to those of the format, where the rest is zero."""
    if written.digits == 6 and not written.omit_zero:
        return full
    digits = 0 if written.omit_zero else written.digits
    unit = 10 ** (6 - digits)
    even = pc.equal(pc.multiply(pc.divide(microseconds, unit), unit), microseconds)
    width = len(seconds_layout) + (digits + 1 if digits else 0)
    short = pc.utf8_slice_codeunits(full, 0, width)
    if pc.all(even).as_py() is not False:
        return short
    return pc.if_else(even, short, full)
