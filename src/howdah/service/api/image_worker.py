"""
Makes the smaller versions of one image, as a process of its own: `python -m howdah.service.api.image_worker`.

Decoders meet whatever anybody uploads. Here they have no connection, no secret, so much memory and so many
seconds, and what they took goes back to the machine. Takes one JSON object on standard input and prints one;
needs Pillow. An image that is turned by its EXIF data stays so: all other metadata go.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from howdah.service.api.image_sizes import RESIZED, smaller_versions

#: Of Strapi's image library.
_QUALITY = 80
#: Pixels of all frames together; more are not decoded.
_PIXELS_MAX = 120_000_000
_MEMORY_MAX = 2 * 1024**3
_SECONDS_MAX = 60
_ORIENTATION = 0x112


def make_versions(
    source: Path, directory: Path, hashed: str, extension: str, settings: dict[str, Any]
) -> dict[str, Any]:
    """
    Write `<key>_<hashed><extension>` for each smaller version, the image itself anew where settings say so.

    Returns its `width` and `height` and `versions`; `kind` null for what is none of these images,
    `faulty` for one that cannot be decoded.
    """
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(source)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return {"kind": None}
    kind = str(image.format)
    if kind == "MPO":
        # A JPEG with a second picture, as telephones make them.
        kind = "JPEG"
    if kind not in RESIZED:
        return {"kind": None}
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if image.width * image.height * frames > _PIXELS_MAX:
        return {"kind": kind, "width": image.width, "height": image.height, "versions": []}
    try:
        image.load()
        moving = kind in ("GIF", "WEBP") and frames > 1
        pictures: list[Image.Image] = (
            [frame.copy() for frame in ImageSequence.Iterator(image)] if moving else [image]
        )
    except (OSError, ValueError, SyntaxError):
        return {"faulty": True}
    orientation = image.getexif().get(_ORIENTATION, 1)
    optimized = settings["sizeOptimization"] or settings["autoOrientation"]
    if settings["autoOrientation"] and orientation != 1 and not moving:
        pictures = [ImageOps.exif_transpose(picture) for picture in pictures]
        orientation = 1
    writer = _Writer(kind, image, orientation, moving)
    pages = frames > 1 and not moving
    if optimized and kind != "GIF" and not pages:
        writer.write(
            directory / f"{hashed}{extension}", pictures, _QUALITY if settings["sizeOptimization"] else 100
        )
    width, height = pictures[0].size
    versions = []
    for version in smaller_versions(width, height, responsive=settings["responsiveDimensions"]):
        path = directory / f"{version.key}_{hashed}{extension}"
        writer.write(path, list(_resized(pictures, (version.width, version.height))), _QUALITY)
        versions.append(
            {
                "key": version.key,
                "width": version.width,
                "height": version.height,
                "size": path.stat().st_size,
            }
        )
    return {"kind": kind, "width": width, "height": height, "versions": versions}


def _resized(pictures: list[Image.Image], size: tuple[int, int]) -> Iterator[Image.Image]:
    for picture in pictures:
        yield _smooth(picture).resize(size, Image.Resampling.LANCZOS)


def _smooth(picture: Image.Image) -> Image.Image:
    """Return a picture in a mode whose neighbouring values are neighbouring colours."""
    if picture.mode in ("L", "LA", "RGB", "RGBA"):
        return picture
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    transparent = picture.mode in ("PA", "La", "RGBa") or "transparency" in picture.info
    return picture.convert("RGBA" if transparent else "RGB")


class _Writer:
    """Writes pictures in the kind of the image that they are of."""

    def __init__(self, kind: str, image: Image.Image, orientation: int, moving: bool) -> None:
        self._kind = kind
        self._moving = moving
        self._durations = [frame.info.get("duration", 100) for frame in ImageSequence.Iterator(image)]
        self._loop = image.info.get("loop")
        self._extra: dict[str, Any] = {}
        if image.info.get("icc_profile") and image.mode in ("L", "RGB", "RGBA"):
            self._extra["icc_profile"] = image.info["icc_profile"]
        if orientation != 1 and kind != "GIF":
            exif = Image.Exif()
            exif[_ORIENTATION] = orientation
            self._extra["exif"] = exif

    def write(self, path: Path, pictures: list[Image.Image], quality: int) -> None:
        """Write an image of one picture or several."""
        first, *others = [self._writable(picture) for picture in pictures]
        options = {**self._extra, **self._options(first, quality)}
        if self._moving:
            options |= {"save_all": True, "append_images": others, "duration": self._durations}
            if self._loop is not None:
                options["loop"] = self._loop
        with path.open("wb") as target:
            first.save(target, self._kind, **options)
            target.flush()
            os.fsync(target.fileno())

    def _writable(self, picture: Image.Image) -> Image.Image:
        plain = picture.copy()
        # Text, comments and what else there was do not go along.
        plain.info = {key: value for key, value in picture.info.items() if key == "transparency"}
        if self._kind == "JPEG" and plain.mode not in ("L", "RGB"):
            return plain.convert("RGB")
        return plain

    def _options(self, picture: Image.Image, quality: int) -> dict[str, Any]:
        match self._kind:
            case "JPEG":
                return {"quality": quality, "optimize": True}
            case "WEBP":
                return {"quality": quality}
            case "PNG":
                return {"optimize": True}
            case "TIFF" if picture.mode in ("L", "RGB"):
                return {"compression": "jpeg", "quality": quality}
            case "TIFF":
                return {"compression": "tiff_adobe_deflate"}
        return {}


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has none of these limits.
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX, _MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS_MAX, _SECONDS_MAX))
    os.nice(5)


def main() -> None:
    """Do what standard input says, and say what was done."""
    _limit_resources()
    given = json.load(sys.stdin)
    try:
        done = make_versions(
            Path(given["source"]),
            Path(given["directory"]),
            given["hash"],
            given["extension"],
            given["settings"],
        )
    except MemoryError:
        done = {"large": True}
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main()
