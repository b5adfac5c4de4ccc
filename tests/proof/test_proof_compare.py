"""Comparison, alignment and canonical bytes against plain Python over the same values."""

from __future__ import annotations

import hashlib
import struct
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.codecs.values import SourceColumn
from howdah.model.quarantine import Cell
from howdah.proof.align import KeyedRows, OutOfOrderError, align
from howdah.proof.canonical import canonical_rows, hash_rows
from howdah.proof.compare import columns_differ, rows_differ
from howdah.proof.render import first_difference, render_key, render_pair
from howdah.proof.rows import Rows, cell_at, concat_rows, normalise
from howdah.proof.sums import BucketSums, buckets_of_hashes, buckets_of_keys, choose_bucket_count

#: A value as tests write it: text as str or, where it is not UTF-8, ("text", bytes).
Value = None | int | float | str | bytes | tuple[str, bytes]


def column_of(values: list[Value]) -> SourceColumn:
    def part(kind: type, arrow: pa.DataType) -> pa.Array:
        return pa.array([value if type(value) is kind else None for value in values], arrow)

    texts = [
        value.encode() if isinstance(value, str) else value[1] if isinstance(value, tuple) else None
        for value in values
    ]
    return SourceColumn(
        length=len(values),
        integer=part(int, pa.int64()),
        real=part(float, pa.float64()),
        text=pa.array(texts, pa.binary()),
        blob=part(bytes, pa.binary()),
    )


def rows_of(**columns: list[Value]) -> Rows:
    return Rows(
        length=len(next(iter(columns.values()))),
        columns={name: column_of(values) for name, values in columns.items()},
    )


def canonical_by_hand(values: list[Value]) -> bytes:
    parts = []
    for value in values:
        match value:
            case None:
                parts.append(b"\x00")
            case int():
                parts.append(b"\x01" + struct.pack(">q", value))
            case float():
                parts.append(b"\x02" + struct.pack(">d", value or 0.0))
            case str():
                parts.append(b"\x03" + struct.pack(">q", len(value.encode())) + value.encode())
            case tuple():
                parts.append(b"\x03" + struct.pack(">q", len(value[1])) + value[1])
            case bytes():
                parts.append(b"\x04" + struct.pack(">q", len(value)) + value)
    return b"".join(parts)


values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.binary(max_size=4).map(lambda content: ("text", content)),
)


def same(left: Value, right: Value) -> bool:
    return canonical_by_hand([left]) == canonical_by_hand([right])


@given(st.lists(st.tuples(values, values), max_size=30))
def test_columns_differ_exactly_where_python_says_so(pairs: list[tuple[Value, Value]]) -> None:
    differing = columns_differ(column_of([a for a, _ in pairs]), column_of([b for _, b in pairs]))
    expected = [not same(a, b) for a, b in pairs]
    assert (differing.tolist() if differing is not None else [False] * len(pairs)) == expected


@given(st.lists(values, min_size=1, max_size=30), st.integers(0, 29), st.integers(0, 29))
def test_slices_and_selections_compare_like_the_whole(items: list[Value], start: int, stop: int) -> None:
    stop, start = min(max(start, stop), len(items)), min(start, stop, len(items))
    whole = rows_of(a=items)
    assert not rows_differ(whole.slice(start, stop), rows_of(a=items[start:stop]))
    backwards = np.arange(len(items))[::-1]
    assert not rows_differ(whole.take(backwards), rows_of(a=items[::-1]))
    assert not rows_differ(concat_rows([whole.slice(0, start), whole.slice(start, len(items))]), whole)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (None, ""),
        ("", None),
        (5, "5"),
        (5, 5.0),
        ("a", b"a"),
        ("a", "a "),
        ("\u00e9", "e\u0301"),
        (9007199254740993, 9007199254740992),
        (0.1, float(np.nextafter(0.1, 1))),
        (float("inf"), float("-inf")),
        (("text", b"\xff"), ("text", b"\xfe")),
        ("a", "a\0"),
    ],
)
def test_values_that_only_look_alike_differ(source: Value, target: Value) -> None:
    found = rows_differ(rows_of(a=[1, source]), rows_of(a=[1, target]))
    assert found["a"].tolist() == [1]


def test_negative_zero_equals_zero_and_hashes_the_same() -> None:
    assert not rows_differ(rows_of(a=[-0.0]), rows_of(a=[0.0]))
    assert (
        canonical_rows(rows_of(a=[-0.0]), ["a"]).to_pylist()
        == canonical_rows(rows_of(a=[0.0]), ["a"]).to_pylist()
    )


def test_a_nan_in_the_target_equals_nothing() -> None:
    assert rows_differ(rows_of(a=[1.5]), rows_of(a=[float("nan")]))["a"].tolist() == [0]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="1 and 2 rows"):
        columns_differ(column_of([1]), column_of([1, 2]))


@given(st.lists(st.tuples(values, values), max_size=20))
def test_canonical_bytes_follow_their_definition(pairs: list[tuple[Value, Value]]) -> None:
    rows = Rows(
        length=len(pairs),
        columns={"a": column_of([a for a, _ in pairs]), "b": column_of([b for _, b in pairs])},
    )
    assert canonical_rows(rows, ["b", "a"]).to_pylist() == [canonical_by_hand([b, a]) for a, b in pairs]


def test_hash_is_keyed_blake2b_of_128_bits() -> None:
    canonical = canonical_rows(rows_of(a=["x", None]), ["a"])
    expected = [
        hashlib.blake2b(canonical_by_hand([value]), digest_size=16, key=b"k").digest()
        for value in ("x", None)
    ]
    assert [row.tobytes() for row in hash_rows(canonical, b"k")] == expected
    assert hash_rows(canonical, b"other")[0].tobytes() != expected[0]


@given(st.lists(st.tuples(values, values), max_size=40), st.lists(st.tuples(values, values), max_size=40))
def test_sums_agree_exactly_for_equal_multisets(
    left: list[tuple[Value, Value]], right: list[tuple[Value, Value]]
) -> None:
    def sums(pairs: list[tuple[Value, Value]]) -> BucketSums:
        total = BucketSums.empty(64)
        if pairs:
            rows = rows_of(a=[a for a, _ in pairs], b=[b for _, b in pairs])
            hashes = hash_rows(canonical_rows(rows, ["a", "b"]), b"key")
            total.add(buckets_of_hashes(hashes, 64), hashes)
        return total

    def multiset(pairs: list[tuple[Value, Value]]) -> Counter[bytes]:
        return Counter(canonical_by_hand(list(pair)) for pair in pairs)

    equal = multiset(left) == multiset(right)
    assert (len(sums(left).differing(sums(right))) == 0) is equal
    assert (sums(left).digest() == sums(right).digest()) is equal
    assert len(sums(left).differing(sums(left[::-1]))) == 0


def test_the_digest_is_the_sum_of_the_hashes() -> None:
    hashes = hash_rows(canonical_rows(rows_of(a=list(range(1000))), ["a"]), b"key")
    sums = BucketSums.empty(64)
    sums.add(np.arange(1000) % 64, hashes)
    expected = sum(int.from_bytes(row.tobytes(), "little") for row in hashes) % 2**128
    assert sums.digest() == f"{expected:032x}"
    assert sums.counts.sum() == 1000


def test_a_row_counted_twice_shows_in_its_bucket() -> None:
    keys = canonical_rows(rows_of(a=["x", "y"]), ["a"])
    hashes = hash_rows(keys, b"key")
    once, twice = BucketSums.empty(64), BucketSums.empty(64)
    once.add(buckets_of_keys(keys, 64), hashes)
    twice.add(buckets_of_keys(keys, 64), hashes)
    twice.add(buckets_of_keys(keys, 64)[:1], hashes[:1])
    assert once.differing(twice).tolist() == [buckets_of_keys(keys, 64)[0]]


def test_bucket_count_grows_with_the_table_within_bounds() -> None:
    assert [choose_bucket_count(rows) for rows in (0, 100_000, 10**9)] == [64, 200, 65_536]


def keyed(keys: list[int]) -> KeyedRows:
    return KeyedRows(keys=np.array(keys, np.int64), rows=rows_of(a=list(keys)))


@given(
    st.lists(st.integers(0, 40)).map(sorted),
    st.lists(st.integers(0, 40)).map(sorted),
    st.integers(1, 7),
    st.integers(1, 7),
)
def test_aligned_pairs_cover_both_streams_and_share_their_keys(
    left: list[int], right: list[int], left_batch: int, right_batch: int
) -> None:
    left = sorted(set(left))

    def batches(keys: list[int], size: int) -> list[KeyedRows]:
        return [keyed(keys[start : start + size]) for start in range(0, len(keys), size)]

    pairs = list(align(batches(left, left_batch), batches(right, right_batch)))
    seen_left = [key for source, _ in pairs if source for key in source.keys.tolist()]
    seen_right = [key for _, target in pairs if target for key in target.keys.tolist()]
    assert (seen_left, seen_right) == (left, right)
    # A key of both sides is never torn apart, but for repetitions after a batch has ended.
    for number, (source, _) in enumerate(pairs):
        for key in source.keys.tolist() if source else []:
            if key in right:
                together = pairs[number][1]
                assert together is not None
                assert key in together.keys.tolist()


@pytest.mark.parametrize(
    ("source", "target", "side"),
    [([[1, 3, 2]], [[1]], "source"), ([[1]], [[5], [4]], "target")],
)
def test_a_stream_out_of_order_is_refused(
    source: list[list[int]], target: list[list[int]], side: str
) -> None:
    with pytest.raises(OutOfOrderError) as caught:
        list(align([keyed(keys) for keys in source], [keyed(keys) for keys in target]))
    assert caught.value.side == side


def cell(value: Value) -> Cell:
    return cell_at(column_of([value]), 0)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (5, "5", ("5", "'5'", "integer in the source, text in the target")),
        (None, "", ("NULL", "''", "")),
        (0.1, 0.10000000000000002, ("0.1", "0.10000000000000002", "")),
        (float("inf"), 1.0, ("9e999", "1.0", "")),
        ("it's", "it s", ("'it''s'", "'it s'", "")),
        (b"\x00\xff", b"", ("X'00FF'", "X''", "")),
        ("a\nb\x1b", "ab", ("'a' || char(10) || 'b' || char(27)", "'ab'", "")),
        (("text", b"\xff"), "x", ("CAST(X'FF' AS TEXT)", "'x'", "")),
        ("a", b"a", ("'a'", "X'61'", "text in the source, blob in the target")),
    ],
)
def test_values_are_rendered_as_literals_of_sqlite(
    source: Value, target: Value, expected: tuple[str, str, str]
) -> None:
    assert render_pair(cell(source), cell(target)) == expected


def test_what_only_bytes_tell_apart_is_said_in_words() -> None:
    _, _, detail = render_pair(cell("caf\u00e9"), cell("cafe\u0301"))
    assert detail == "same text in another Unicode form: bytes c3 a9 against 65 cc 81 at byte 3"


def test_a_long_value_is_cut_around_the_difference() -> None:
    source, target, detail = render_pair(cell("a" * 500 + "x" + "b" * 500), cell("a" * 500 + "y" + "b" * 500))
    assert detail == "first difference at byte 500"
    assert source == "…'" + "a" * 20 + "x" + "b" * 39 + "'… (1,001 bytes)"
    assert target == "…'" + "a" * 20 + "y" + "b" * 39 + "'… (1,001 bytes)"


def test_a_cut_never_splits_a_character() -> None:
    source, _, _ = render_pair(cell("\u20ac" * 300), cell("\u20ac" * 300 + "x"))
    assert "CAST" not in source
    assert "\u20ac" in source


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_first_difference_is_where_the_bytes_part(left: bytes, right: bytes) -> None:
    expected = next(
        (place for place, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    assert first_difference(left, right) == expected


def test_keys_of_several_columns_are_shown_in_parentheses() -> None:
    assert render_key([cell("a"), cell(3)]) == "('a', 3)"
    assert render_key([cell(3)]) == "3"
    assert render_key([]) == ""


def test_normalised_columns_have_exact_types_and_no_empty_parts() -> None:
    column = SourceColumn(
        length=2, integer=pa.array([1, None], pa.int32()), text=pa.array([None, None], pa.string())
    )
    exact = normalise(column)
    assert exact.integer is not None
    assert exact.integer.type == pa.int64()
    assert exact.text is None
