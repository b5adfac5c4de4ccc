"""Numbers read the way people write them."""

from __future__ import annotations

import pytest

from howdah.units import format_amount, format_remaining, format_seconds, format_size


@pytest.mark.parametrize(
    ("byte_count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (9994, "9.99 kB"),
        (9996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_600, "1.00 MB"),
        (605_000_000, "605 MB"),
        (6_000_000_000, "6.00 GB"),
    ],
)
def test_sizes_have_three_digits_that_count(byte_count: int, text: str) -> None:
    assert format_size(byte_count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0 ms"),
        (0.04, "40 ms"),
        (0.0996, "0.10 s"),
        (9.99, "9.99 s"),
        (9.996, "10.0 s"),
        (99.96, "1 min 40 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7325, "2 h 02 min"),
    ],
)
def test_durations_take_as_many_digits_as_matter(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-:--"), (0.2, "0:00"), (61, "1:01"), (3599.7, "1:00:00"), (7325, "2:02:05")]
)
def test_time_left_is_a_clock(seconds: float | None, text: str) -> None:
    assert format_remaining(seconds) == text


def test_amounts_agree_with_their_noun() -> None:
    assert [format_amount(count, "row") for count in (0, 1, 1024)] == ["0 rows", "1 row", "1,024 rows"]
    assert format_amount(2, "index", "indexes") == "2 indexes"
