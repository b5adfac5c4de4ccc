"""
Sums of row hashes per bucket: the same rows give the same sums in whatever order they come.

Pure. A bucket holds the rows whose key (or, without a key, whose content) hashes
to it. Where the sums of a bucket agree, both sides hold the same multiset of rows
in it; where they do not, the rows of that bucket are read again.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

#: So many rows per bucket, so that reading one again lists few rows.
_ROWS_PER_BUCKET = 500
_BUCKETS_MIN, _BUCKETS_MAX = 64, 65_536
_LIMBS = 4


def choose_bucket_count(row_count: int) -> int:
    """Return how many buckets a table of about `row_count` rows gets; both sides must use the same."""
    return max(_BUCKETS_MIN, min(_BUCKETS_MAX, row_count // _ROWS_PER_BUCKET))


def buckets_of_keys(canonical_keys: Any, bucket_count: int) -> np.ndarray:
    """Return the bucket of each key, given as canonical bytes. CRC-32 spreads; it proves nothing."""
    checksums = np.fromiter(map(zlib.crc32, canonical_keys.to_pylist()), np.int64, len(canonical_keys))
    return checksums % bucket_count


def buckets_of_hashes(hashes: np.ndarray, bucket_count: int) -> np.ndarray:
    """Return the bucket of each row by its own hash, for tables without a key."""
    return hashes[:, 0].astype(np.int64) % bucket_count


@dataclass(frozen=True)
class BucketSums:
    """
    Row count and sum of hashes of each bucket.

    A 128-bit hash is held as four limbs of 32 bits, each summed in its own uint64: no carry
    and no overflow below 2**32 rows in a bucket.
    """

    counts: np.ndarray
    limbs: np.ndarray

    @classmethod
    def empty(cls, bucket_count: int) -> BucketSums:
        """Make sums of no rows."""
        return cls(np.zeros(bucket_count, np.int64), np.zeros((_LIMBS, bucket_count), np.uint64))

    def add(self, buckets: np.ndarray, hashes: np.ndarray) -> None:
        """Add rows: the bucket and the hash (uint32, shape (rows, 4)) of each."""
        bucket_count = len(self.counts)
        self.counts[:] += np.bincount(buckets, minlength=bucket_count)
        for limb in range(_LIMBS):
            # bincount sums doubles: exact while a batch has fewer than 2**21 rows of 32 bits.
            assert len(buckets) < 2**21
            sums = np.bincount(buckets, weights=hashes[:, limb].astype(np.float64), minlength=bucket_count)
            self.limbs[limb] += sums.astype(np.uint64)

    def differing(self, other: BucketSums) -> np.ndarray:
        """Return the numbers of the buckets whose rows are not the same."""
        unequal = (self.counts != other.counts) | (self.limbs != other.limbs).any(axis=0)
        return np.flatnonzero(unequal)

    def digest(self) -> str:
        """Return the sum of all hashes modulo 2**128, as 32 hexadecimal digits."""
        total = sum(int(value) << (32 * limb) for limb in range(_LIMBS) for value in self.limbs[limb])
        return f"{total % 2**128:032x}"
