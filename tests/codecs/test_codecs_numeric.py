"""Numbers become the decimals PostgreSQL prints for them, and come back as SQLite stored them."""

from __future__ import annotations

import math
import struct
from decimal import ROUND_HALF_UP, Decimal

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from howdah.codecs.registry import get_codec
from howdah.errors import UsageError
from support.codec_crossing import Crossing, Text, Value, fields_of, make_column, reasons_of, values_of

INT64 = st.integers(-(2**63), 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
MONEY = st.decimals(-(10**9), 10**9, places=2, allow_nan=False).map(float)

#: Not integral, so that NUMERIC affinity keeps them as REAL.
EDGE_REALS = [
    0.1, 0.1 + 0.2, 0.07 + 0.01, 19.99, -19.99, 5e-324, 1e-5, 1e-4, 0.00012345678901234567, 1234567.891,
    123456789012.345, 99999999999999.9, 999999999999999.9, 0.30000000000000004, 4503599627370495.5,
    2.2250738585072014e-308, 1.7976931348623157e308, 1e22, 1e23, 2.0**63, 2.0**64, -(2.0**63), math.pi,
]  # fmt: skip
EDGE_INTEGERS = [
    0, 1, -1, 9999, 10000, 10001, 99999999, 100000000, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63),
    123456789012345678, -100000000,
]  # fmt: skip


def shortest(value: float) -> Decimal:
    """The decimal that an application meant: Python's shortest."""
    return Decimal(repr(value))


def is_stored_as_integer(value: float) -> bool:
    """SQLite's sqlite3VdbeIntegerAffinity, for REALs under NUMERIC affinity."""
    return math.isfinite(value) and value == math.floor(value) and abs(value) < 2.0**63


def test_integers_arrive_digit_by_digit(crossing: Crossing) -> None:
    carried = crossing.assert_exact("numeric", [*EDGE_INTEGERS, None], "numeric")
    assert carried.shown == [*map(str, EDGE_INTEGERS), None]


def test_reals_arrive_as_their_shortest_decimal(crossing: Crossing) -> None:
    carried = crossing.assert_exact("numeric", EDGE_REALS, "numeric", {"affinity": "real"})
    assert carried.reasons == {}
    for value, shown in zip(EDGE_REALS, carried.shown, strict=True):
        assert shown is not None
        assert Decimal(shown) == shortest(value)


@pytest.mark.parametrize("value", EDGE_REALS)
def test_the_wire_is_what_postgresql_sends_for_the_same_decimal(crossing: Crossing, value: float) -> None:
    """numeric_recv normalises what we send; sent back by the server, both are the same bytes."""
    shown = format(shortest(value), "f")
    if "." not in shown:
        shown += ".0"
    crossing.assert_exact("numeric", [value], "numeric", {"affinity": "real"})
    assert crossing.binary_of("value FROM t") == crossing.binary_of(f"'{shown}'::numeric")


def test_classes_of_numeric_affinity_come_back(crossing: Crossing) -> None:
    values: list[Value] = [1, 1.5, 2**53 + 1, 0.1, 2.0**63, -(2.0**63), -(2**63), 1e300, None, 0]
    for affinity in ("numeric", "integer"):
        assert crossing.assert_exact("numeric", values, "numeric", {"affinity": affinity}).reasons == {}


def test_five_and_five_point_zero_stay_apart_without_affinity(crossing: Crossing) -> None:
    carried = crossing.assert_exact("numeric", [5, 5.0, 1e20, 0, 0.0], "numeric", {"affinity": "blob"})
    assert carried.shown == ["5", "5.0", "100000000000000000000.0", "0", "0.0"]


def test_a_real_that_the_affinity_excludes_is_set_aside(crossing: Crossing) -> None:
    assert crossing.carry("numeric", [5.0, 5], "numeric").reasons == {0: "class-unlike-affinity"}
    assert crossing.carry("numeric", [5, 5.0], "numeric", {"affinity": "real"}).reasons == {
        0: "class-unlike-affinity"
    }


def test_infinities_need_a_type_without_precision(crossing: Crossing) -> None:
    values = [math.inf, -math.inf, 1.5]
    carried = crossing.assert_exact("numeric", values, "numeric", {"affinity": "real"})
    assert carried.shown == ["Infinity", "-Infinity", "1.5"]
    limited = crossing.carry("numeric", values, "numeric(10,2)", {"affinity": "real"})
    assert limited.reasons == {0: "numeric-overflow", 1: "numeric-overflow"}
    assert limited.values == [None, None, 1.5]


def test_negative_zero_becomes_zero_and_is_counted(crossing: Crossing) -> None:
    codec, params = get_codec("numeric"), {"affinity": "blob"}
    carried = crossing.carry("numeric", [-0.0, 0.0], "numeric", params)
    assert carried.encoded.changed == {"negative-zero-dropped": 1}
    assert codec.equality_with(params) == "exact, except that -0.0 arrives as 0.0"
    assert list(map(repr, carried.values)) == ["0.0", "0.0"]
    assert list(map(repr, values_of(codec.projected(make_column([-0.0, 0.0]), params)))) == ["0.0", "0.0"]


def test_money_fits_its_column_or_is_set_aside(crossing: Crossing) -> None:
    values: list[Value] = [19.99, 12, 99999999.99, -99999999.99, 100000000, 99999999.995, 0.1 + 0.2, 1e15]
    carried = crossing.assert_exact("numeric", values, "numeric(10,2)", {"affinity": "numeric"})
    assert carried.reasons == {
        4: "numeric-overflow",
        5: "numeric-rounds",
        6: "numeric-rounds",
        7: "class-unlike-affinity",
    }
    assert carried.shown[:4] == ["19.99", "12.00", "99999999.99", "-99999999.99"]


def test_precision_lost_in_the_source_does_not_overflow_the_column(crossing: Crossing) -> None:
    """'12345678901234567.8901' in a DECIMAL column is the REAL 12345678901234568.0 already."""
    carried = crossing.assert_exact(
        "numeric", [12345678901234567.8901], "numeric(21,4)", {"affinity": "real"}
    )
    assert carried.shown == ["12345678901234568.0000"]


@given(
    values=st.lists(st.none() | INT64 | FINITE | MONEY, min_size=1, max_size=40),
    affinity=st.sampled_from(["numeric", "blob", "real"]),
)
@settings(max_examples=40, deadline=None)
def test_any_number_comes_back(crossing: Crossing, values: list[int | float | None], affinity: str) -> None:
    if affinity == "numeric":
        values = [
            int(value) if isinstance(value, float) and is_stored_as_integer(value) else value
            for value in values
        ]
    if affinity == "real":
        values = [float(value) if isinstance(value, int) else value for value in values]
    values = [0.0 if value == 0 and isinstance(value, float) else value for value in values]
    carried = crossing.assert_exact("numeric", values, "numeric", {"affinity": affinity})
    assert carried.reasons == {}
    for value, shown in zip(values, carried.shown, strict=True):
        if value is not None:
            assert shown is not None
            assert Decimal(shown) == (Decimal(value) if isinstance(value, int) else shortest(value))


@given(
    values=st.lists(INT64 | FINITE | MONEY, min_size=1, max_size=30),
    precision=st.integers(1, 40),
    scale=st.integers(-5, 45),
)
@settings(max_examples=60, deadline=None)
def test_numeric_with_modifiers_takes_what_it_keeps_whole(
    crossing: Crossing, values: list[int | float], precision: int, scale: int
) -> None:
    values = [0.0 if value == 0 and isinstance(value, float) else value for value in values]
    params = {"affinity": "blob", "scale": str(scale)}
    column = make_column(values)
    result = get_codec("numeric").encode(column, params, f"numeric({precision},{scale})")
    reasons = reasons_of(result)
    crossing.load(fields_of(result, len(values)), f"numeric({precision},{scale})")
    for row, (value, shown) in enumerate(zip(values, crossing.shown(), strict=True)):
        exact = Decimal(value) if isinstance(value, int) else shortest(value)
        keeps = exact == 0 or exact.normalize().as_tuple().exponent >= -scale  # type: ignore[operator]
        fits = exact == 0 or exact.adjusted() < precision - scale
        if keeps and fits:
            assert shown is not None
            assert Decimal(shown) == exact
        else:
            assert reasons[row] == ("numeric-overflow" if keeps else reasons[row])
            assert reasons[row] in ("numeric-overflow", "numeric-rounds")


@given(values=st.lists(FINITE | MONEY, min_size=1, max_size=30), scale=st.integers(-3, 24))
@settings(max_examples=60, deadline=None)
def test_rounding_is_half_away_from_zero_and_counted(
    crossing: Crossing, values: list[float], scale: int
) -> None:
    params = {"affinity": "real", "rounding": "half-away", "scale": str(scale)}
    pg_type = f"numeric(1000,{scale})"
    values = [value for value in values if value != 0 and abs(value) < 1e300]
    assume(values)
    codec = get_codec("numeric")
    carried = crossing.carry("numeric", values, pg_type, params)
    expected = [
        crossing.query("SELECT round(%s::text::numeric, %s)::text", (format(shortest(value), "f"), scale))[0][
            0
        ]
        for value in values
    ]
    assert [Decimal(shown or "NaN") for shown in carried.shown] == [Decimal(str(text)) for text in expected]
    differing = sum(
        Decimal(str(text)) != shortest(value) for text, value in zip(expected, values, strict=True)
    )
    assert carried.encoded.changed.get("rounded", 0) == differing
    projected = values_of(codec.projected(make_column(values), params))
    assert list(map(repr, projected)) == list(map(repr, carried.values))


def test_halves_round_as_money_does(crossing: Crossing) -> None:
    """1.005 is 1.00499… in binary; people who wrote 1.005 expect 1.01."""
    values = [1.005, -1.005, 1.004, 2.675, 1e-9, 4.999, 1.5]
    params = {"affinity": "numeric", "rounding": "half-away", "scale": "2"}
    carried = crossing.carry("numeric", values, "numeric(10,2)", params)
    assert carried.shown == ["1.01", "-1.01", "1.00", "2.68", "0.00", "5.00", "1.50"]
    assert carried.shown == [
        str(shortest(value).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)) for value in values
    ]
    assert carried.encoded.changed == {"rounded": 6}
    assert get_codec("numeric").equality_with(params).startswith("by numeric value")
    assert values_of(get_codec("numeric").projected(make_column(values), params)) == carried.values


def test_mixed_classes_under_a_scale_are_equal_by_value(crossing: Crossing) -> None:
    params = {"affinity": "blob", "scale": "2"}
    values: list[Value] = [5, 5.0, 5.5, None, 0.0]
    carried = crossing.carry("numeric", values, "numeric(10,2)", params)
    assert get_codec("numeric").equality_with(params) == "by numeric value"
    projected = values_of(get_codec("numeric").projected(make_column(values), params))
    assert list(map(repr, carried.values)) == list(map(repr, projected)) == ["5", "5", "5.5", "None", "0"]


def test_decimal_text_comes_back_letter_by_letter(crossing: Crossing) -> None:
    values: list[Value] = [
        "0", "0.0", "12.50", "-0.001", "9" * 30, "0." + "0" * 20 + "1", "1" + "0" * 5000,
        "123456789012345678", "-1234567890123456.5", "0.00012345678901234567", None,
    ]  # fmt: skip
    carried = crossing.assert_exact("numeric", values, "numeric", {"affinity": "text"})
    assert carried.reasons == {}
    assert carried.shown == values


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "+1", "01", "1.", ".5", "1e5", "-0", "-0.00", "NaN", "Infinity", "1,5", "\u0661", "0x1",
     "1\n"],
)  # fmt: skip
def test_text_that_postgresql_would_print_otherwise_is_set_aside(crossing: Crossing, text: str) -> None:
    carried = crossing.carry("numeric", [text, "1"], "numeric", {"affinity": "text"})
    assert carried.reasons == {0: "not-canonical-decimal"}


def test_decimal_text_has_the_scale_of_its_column(crossing: Crossing) -> None:
    values: list[Value] = ["1.50", "1.5", "12", "123.45", "1234.56", Text(b"\xff")]
    carried = crossing.assert_exact("numeric", values, "numeric(5,2)", {"affinity": "text"})
    assert carried.reasons == {
        1: "not-canonical-decimal",
        2: "not-canonical-decimal",
        4: "numeric-overflow",
        5: "not-canonical-decimal",
    }


def test_other_classes_are_no_numbers(crossing: Crossing) -> None:
    carried = crossing.carry("numeric", [1, "1", b"1"], "numeric")
    assert carried.reasons == {1: "not-numeric", 2: "not-numeric"}


@pytest.mark.parametrize(
    ("pg_type", "params"),
    [
        ("numeric(10,2)", {"affinity": "blob"}),
        ("numeric(10,2)", {"rounding": "half-away"}),
        ("numeric(10,2)", {"rounding": "half-away", "scale": "3"}),
        ("numeric", {"rounding": "half-away"}),
        ("numeric", {"affinity": "blob", "scale": "2"}),
        ("numeric(10,2)", {"affinity": "text", "rounding": "half-away", "scale": "2"}),
        ("numeric", {"affinity": "decimal"}),
        ("numeric(10,2)", {"scale": "two"}),
    ],
)
def test_parameters_that_reading_back_could_not_use_are_refused(pg_type: str, params: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        get_codec("numeric").encode(make_column([1]), params, pg_type)
    assert caught.value.code in ("C-103", "C-105")


@pytest.mark.parametrize(
    ("stored", "damaged"),
    [
        (0.1, "0.1000000000000000055"),
        (0.1, "0.10000000000000001"),
        (1.5, "NaN"),
        (1e300, "1e400"),
        (12.5, "12.500000000000000000001"),
    ],
)
def test_a_decimal_near_the_stored_one_is_not_taken_for_it(
    crossing: Crossing, stored: float, damaged: str
) -> None:
    params = {"affinity": "real"}
    crossing.assert_exact("numeric", [stored], "numeric", params)
    crossing.execute(f"UPDATE t SET value = '{damaged}'")
    decoded = values_of(crossing.read_back(get_codec("numeric"), params))
    assert decoded != [stored]
    assert isinstance(decoded[0], str)


def test_a_number_of_thousands_of_digits_is_read_back_as_none_that_sqlite_stores(crossing: Crossing) -> None:
    """Python makes no int of more than 4300 digits; an application may write them on PostgreSQL."""
    crossing.assert_exact("numeric", [5], "numeric")
    crossing.execute("UPDATE t SET value = repeat('9', 5000)::numeric")
    assert values_of(crossing.read_back(get_codec("numeric"), {})) == ["9" * 5000]


def test_numeric_is_read_as_adbc_gives_it_too() -> None:
    """ADBC writes nan and inf where PostgreSQL writes NaN and Infinity."""
    array = pa.array(["inf", "-inf", "nan", "1.50", None])
    decoded = values_of(get_codec("numeric").decode(array, {"affinity": "real"}))
    assert list(map(repr, decoded)) == ["inf", "-inf", "'nan'", "1.5", "None"]


def test_a_codec_that_loses_a_digit_is_seen(crossing: Crossing) -> None:
    """The round trip is a guard only if it fails: shift every wire by one decimal group."""
    result = get_codec("numeric").encode(make_column([19.99, 7]), {}, "numeric")
    fields = []
    for field in fields_of(result, 2):
        assert field is not None
        weight = struct.unpack_from(">h", field, 2)[0]
        fields.append(field[:2] + struct.pack(">h", weight + 1) + field[4:])
    crossing.load(fields, "numeric")
    assert values_of(crossing.read_back(get_codec("numeric"), {})) != [19.99, 7]
