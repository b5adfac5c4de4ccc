"""
Microseconds since 1970 into timestamp, timestamptz and date, with what those cannot hold.

Formats: timestamp_send and timestamptz_send give int64 microseconds since 2000-01-01,
date_send int32 days. timestamp(p) rounds on input without a word, so what would be
rounded is rejected here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from howdah.codecs.pgtypes import PgType
from howdah.codecs.wire import (
    POSTGRES_EPOCH_DAYS,
    POSTGRES_EPOCH_US,
    Mask,
    Rejections,
    big_endian,
)

DAY_US = 86_400_000_000

#: First microsecond of a PostgreSQL timestamp (4714-11-24 BC, MIN_TIMESTAMP), counted from 1970.
EARLIEST_US = -211_813_488_000_000_000 + POSTGRES_EPOCH_US
#: Last that 64 bits count from 1970 (294247 AD): Arrow counts so, though PostgreSQL goes 29 years further.
LATEST_US = 2**63 - 1


def write_moments(
    microseconds: npt.NDArray[np.int64], rows: Mask, pg_type: PgType, rejections: Rejections
) -> npt.NDArray[np.uint8]:
    """Return the wire of microseconds since 1970 that lie between EARLIEST_US and LATEST_US."""
    if pg_type.base == "date":
        days = microseconds // DAY_US
        rejections.add("not-midnight", rows & (days * DAY_US != microseconds))
        return big_endian(days - POSTGRES_EPOCH_DAYS, ">i4")
    reject_rounding(microseconds, rows, pg_type, rejections, "timestamp-rounds")
    return big_endian(microseconds - POSTGRES_EPOCH_US, ">i8")


def reject_rounding(
    microseconds: npt.NDArray[np.int64], rows: Mask, pg_type: PgType, rejections: Rejections, reason: str
) -> None:
    """Reject what timestamp(p) or time(p) would round."""
    if pg_type.modifiers and pg_type.modifiers[0] < 6:
        rejections.add(reason, rows & (microseconds % 10 ** (6 - max(pg_type.modifiers[0], 0)) != 0))
