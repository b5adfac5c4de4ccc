"""
The smaller versions of uploaded images: asks a child process for them, and says what came of it.

Needs Pillow (the extra `images`). Without it an image is kept as it came: its width and height are read from
its header, and it has no smaller versions.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import imagesize

from howdah.content.query.faults import application_fault
from howdah.service.api.upload_facts import kilobytes

log = logging.getLogger("howdah.api")

#: What Strapi sets where nobody has set anything.
_SETTINGS = {"sizeOptimization": True, "responsiveDimensions": True, "autoOrientation": False}
_WITH_SIZE = frozenset(("image/jpeg", "image/png", "image/webp", "image/tiff", "image/gif", "image/svg+xml"))
_SECONDS_MAX = 90
#: What a child needs of this process's environment to find its libraries; none of it is a secret.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What is known of an uploaded image; nothing of what is none."""

    width: int | None = None
    height: int | None = None
    #: As `formats` has it; None where there are none.
    formats: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class NamedFile:
    """How a stored file is called."""

    name: str
    #: The stored file's name without its extension.
    hash: str
    extension: str
    kind: str
    #: The kind that its first bytes say it is, `kind` where they say nothing.
    looks: str


class Images:
    """Makes smaller versions, of one image at a time."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._can_resize = find_spec("PIL") is not None

    async def examine(self, path: Path, file: NamedFile, settings: Mapping[str, Any]) -> ImageFacts:
        """
        Put smaller versions of an image beside it, make it smaller itself where the settings say so.

        Raises RequestFault 400 for an image that is damaged.
        """
        if file.looks not in _WITH_SIZE:
            return ImageFacts()
        if not self._can_resize or file.looks == "image/svg+xml":
            return await asyncio.to_thread(_measured, path)
        async with self._one:
            done = await _ask_child(path, file, {**_SETTINGS, **_known(settings)})
        if done.get("faulty"):
            raise application_fault("File is not a valid image")
        if "versions" not in done:
            _discard_all_but(path)
            return await asyncio.to_thread(_measured, path) if done.get("large") else ImageFacts()
        formats = {version["key"]: _format(version, file) for version in done["versions"]}
        return ImageFacts(width=done["width"], height=done["height"], formats=formats or None)


def _discard_all_but(path: Path) -> None:
    """Remove what a child that did not finish has left."""
    for other in path.parent.iterdir():
        if other != path:
            other.unlink()


def _known(settings: Mapping[str, Any]) -> dict[str, bool]:
    return {name: bool(settings[name]) for name in _SETTINGS if name in settings}


def _format(version: Mapping[str, Any], file: NamedFile) -> dict[str, Any]:
    hashed = f"{version['key']}_{file.hash}"
    return {
        "name": f"{version['key']}_{file.name}",
        "hash": hashed,
        "ext": file.extension,
        "mime": file.kind,
        "path": None,
        "width": version["width"],
        "height": version["height"],
        "size": kilobytes(version["size"]),
        "sizeInBytes": version["size"],
        "url": f"/uploads/{hashed}{file.extension}",
    }


def _measured(path: Path) -> ImageFacts:
    try:
        width, height = imagesize.get(path, exif_rotation=False)
    except (ValueError, OSError):
        # It calls itself an image and is none.
        return ImageFacts()
    return ImageFacts(width=width, height=height) if width > 0 and height > 0 else ImageFacts()


async def _ask_child(path: Path, file: NamedFile, settings: Mapping[str, bool]) -> dict[str, Any]:
    """Return what the child says; `large` where it met one of its limits."""
    asked = {
        "source": str(path),
        "directory": str(path.parent),
        "hash": file.hash,
        "extension": file.extension,
        "settings": settings,
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "howdah.service.api.image_worker",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )  # fmt: skip
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            said, complaint = await child.communicate(json.dumps(asked).encode())
    except TimeoutError:
        log.warning("image %s: no smaller versions, it took longer than %d s", file.name, _SECONDS_MAX)
        return {"large": True}
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if child.returncode != 0:
        reason = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        log.warning("image %s: no smaller versions, exit status %s: %s", file.name, child.returncode, reason)
        return {"large": True}
    done: dict[str, Any] = json.loads(said)
    return done
