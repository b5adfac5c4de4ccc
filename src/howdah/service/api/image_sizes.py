"""
Which smaller versions of an image there are, and how large: Strapi's thumbnail and its three breakpoints.

Pure; the answers recorded from Strapi 5.54 are what the tests compare with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Widest and highest; both hold.
_THUMBNAIL = (245, 156)
_BREAKPOINTS = {"large": 1000, "medium": 750, "small": 500}

#: Kinds that smaller versions are made of.
RESIZED = frozenset(("JPEG", "PNG", "WEBP", "TIFF", "GIF"))


@dataclass(frozen=True, kw_only=True)
class Version:
    """One smaller version: its key in `formats`, width and height in pixels."""

    key: str
    width: int
    height: int


def smaller_versions(width: int, height: int, *, responsive: bool) -> list[Version]:
    """Return the smaller versions of an image of this size; without `responsive` the thumbnail alone."""
    versions = []
    if width > _THUMBNAIL[0] or height > _THUMBNAIL[1]:
        versions.append(_inside("thumbnail", width, height, _THUMBNAIL))
    if responsive:
        versions += [
            _inside(key, width, height, (edge, edge))
            for key, edge in _BREAKPOINTS.items()
            if edge < width or edge < height
        ]
    return versions


def _inside(key: str, width: int, height: int, box: tuple[int, int]) -> Version:
    """Return the largest of the same shape that fits into a box."""
    if width * box[1] >= height * box[0]:
        return Version(key=key, width=box[0], height=_rounded(height * box[0], width))
    return Version(key=key, width=_rounded(width * box[1], height), height=box[1])


def _rounded(product: int, divisor: int) -> int:
    return max(1, math.floor(product / divisor + 0.5))
