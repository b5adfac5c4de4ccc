"""
Counts, sizes, durations and rates as people read them. Pure, standard library only.

Sizes are decimal (1 MB is 1,000,000 bytes), durations take as many digits as
matter, and every text is one that stays the same width while it counts.
"""

from __future__ import annotations

_SIZE_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def format_count(count: int) -> str:
    """Return `count` with thousands separated: 3,120,000."""
    return f"{count:,}"


def format_amount(count: int, singular: str, plural: str = "") -> str:
    """Return `count` with its noun: "1 row", "1,024 rows". `plural` defaults to the regular one."""
    return f"{count:,} {plural if plural and count != 1 else pluralize(singular, count)}"


def pluralize(noun: str, count: int) -> str:
    """Return the regular plural of an English noun unless `count` is 1: keys, entries, indexes."""
    if count == 1:
        return noun
    if noun.endswith(("s", "x")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def format_size(byte_count: float) -> str:
    """Return a size in bytes with three digits that count: "605 MB", "1.13 GB", "1 byte"."""
    size = float(byte_count)
    unit = 0
    # 999.5 and more would be printed as 1000 of the smaller unit.
    while abs(size) >= 999.5 and unit < len(_SIZE_UNITS) - 1:
        size /= 1000
        unit += 1
    if unit == 0:
        return format_amount(round(size), "byte")
    digits = 2 if abs(size) < 9.995 else 1 if abs(size) < 99.95 else 0
    return f"{size:.{digits}f} {_SIZE_UNITS[unit]}"


def format_seconds(seconds: float) -> str:
    """Return a duration given in seconds: "40 ms", "1.25 s", "12.1 s", "2 min 05 s", "1 h 02 min"."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def format_remaining(seconds: float | None) -> str:
    """Return time left as m:ss or h:mm:ss, "-:--" when it is not known."""
    if seconds is None:
        return "-:--"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
