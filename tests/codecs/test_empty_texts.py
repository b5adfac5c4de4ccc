"""By parameter `empty` an empty TEXT is NULL on both sides; by default its row is set aside."""

from __future__ import annotations

import pyarrow as pa
import pytest

from howdah.codecs.registry import CODECS, check_params
from howdah.codecs.values import SourceColumn
from howdah.errors import UsageError

#: Codec → type, parameters it needs, a text that is a value of it, and how PostgreSQL prints that.
CASES = {
    "any-integer": ("bigint", {}, b"12"),
    "any-boolean": ("boolean", {}, b"yes"),
    "any-real": ("double precision", {}, b"1.5"),
    "any-numeric": ("numeric", {}, b"1.50"),
    "money": ("money", {"digits": "2"}, b"1.50"),
    "any-uuid": ("uuid", {}, b"6fa459ea-ee8a-3ca4-894e-db77e160355e"),
    "duration": ("interval", {}, b"01:02:03"),
    "any-timestamp": ("timestamp", {}, b"2024-01-02 03:04:05"),
    "any-timestamptz": ("timestamptz", {}, b"2024-01-02 03:04:05Z"),
    "any-date": ("date", {}, b"2024-01-02"),
    "any-time": ("time", {}, b"03:04:05"),
    "any-timetz": ("timetz", {}, b"03:04:05Z"),
    "inet": ("inet", {}, b"127.0.0.1"),
    "cidr": ("cidr", {}, b"10.0.0.0/8"),
    "macaddr": ("macaddr", {}, b"08:00:2b:01:02:03"),
    "any-json": ("jsonb", {}, b"[1]"),
}


def _column(text: bytes) -> SourceColumn:
    return SourceColumn(length=4, text=pa.array([text, b"", None, text], pa.binary()))


def test_every_codec_that_has_the_parameter_is_tried() -> None:
    assert {name for name, codec in CODECS.items() if "empty" in codec.choices} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_empty_text_is_null_and_counted(name: str) -> None:
    written_as, params, text = CASES[name]
    codec, params = CODECS[name], {**params, "empty": "null"}
    check_params(codec, params, written_as)
    encoded = codec.encode(_column(text), params, written_as)
    assert encoded.rejected == {}
    assert encoded.wire.nulls is not None
    assert encoded.wire.nulls.tolist() == [False, True, True, False]
    assert encoded.touched["empty-to-null"].tolist() == [False, True, False, False]
    projected = codec.projected(_column(text), params)
    printed = [part for part in (projected.text, projected.real, projected.integer) if part is not None]
    (values,) = [part.to_pylist() for part in printed if part.null_count < 4]
    assert [value is None for value in values] == [False, True, True, False]


@pytest.mark.parametrize("name", [name for name in CASES if name != "any-json"])
def test_an_empty_text_is_set_aside_by_default(name: str) -> None:
    written_as, params, text = CASES[name]
    encoded = CODECS[name].encode(_column(text), params, written_as)
    (rejected,) = encoded.rejected.values()
    assert rejected.tolist() == [False, True, False, False]
    assert "empty-to-null" not in encoded.touched


def test_another_value_of_the_parameter_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        check_params(CODECS["any-integer"], {"empty": "zero"}, "bigint")
