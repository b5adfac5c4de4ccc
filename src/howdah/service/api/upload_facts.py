"""
What a file is called and what kind it is, from its name, what its sender says of it and its first bytes.

As Strapi decides it: an extension that is known speaks for the kind, bytes speak where there is none or
the sender says nothing, and what the sender says comes last. Pure.
"""

from __future__ import annotations

import math
import mimetypes
import re
import unicodedata
from pathlib import PurePosixPath

from howdah.content.query.faults import application_fault, invalid

_RESERVED = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
_NAME_MAX = 255
#: Bytes that a file begins with are looked at as far as this.
HEAD = 32
_GENERIC = ("", "application/octet-stream")
_TYPE = re.compile(r"[a-z0-9.+-]{1,100}/[a-z0-9.+-]{1,100}")
#: Where Python's table and that of Node's packages differ for what is common.
_EXTENSIONS = {"image/jpeg": ".jpeg", "application/octet-stream": ".bin", "image/tiff": ".tif"}
_PACKED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_UMLAUTS = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss",
        "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L",
        "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH", "ð": "d", "Ð": "D", "&": " and ",
    }
)  # fmt: skip


def check_file_name(name: str) -> str:
    """Return a file's name as it was sent. Raises RequestFault 400."""
    if (
        not name
        or len(name) > _NAME_MAX
        or name in (".", "..")
        or _RESERVED.search(name)
        or _DEVICE.fullmatch(name)
    ):
        raise application_fault("File name contains invalid characters")
    return name


def file_kind(name: str, declared: str | None, head: bytes) -> str:
    """Return the MIME type of a file. Raises RequestFault 400 where nothing tells it."""
    said = (declared or "").partition(";")[0].strip().lower()
    said = said if _TYPE.fullmatch(said) else ""
    seen = kind_of_bytes(head)
    by_name = _kind_of_name(name)
    if seen and (by_name is None or by_name == seen or said in _GENERIC):
        return seen
    kind = by_name or said
    if not kind:
        raise invalid("Cannot verify file type for security reasons")
    return kind


def _kind_of_name(name: str) -> str | None:
    """Return what the last extension of a name says."""
    suffix = PurePosixPath(name).suffix
    kind, packed = mimetypes.guess_type(f"file{suffix}") if suffix else (None, None)
    return _PACKED.get(packed, kind) if packed else kind


def kind_of_bytes(head: bytes) -> str | None:
    """Return what the first bytes say: the images that browsers show, and PDF."""
    for start, kind in (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"BM", "image/bmp"),
        (b"%PDF-", "application/pdf"),
    ):
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return None


def file_extension(name: str, kind: str) -> str:
    """Return the extension of a name, with its dot, as it was written; that of its kind where it has none."""
    suffix = PurePosixPath(name).suffix
    if suffix and suffix != ".":
        return suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,16}", suffix) else ""
    return _EXTENSIONS.get(kind) or mimetypes.guess_extension(kind) or ""


def file_stem(name: str, extension: str) -> str:
    """Return what a stored file's name begins with: Latin letters and digits of the name, and underscores."""
    plain = unicodedata.normalize("NFC", name.removesuffix(extension)).translate(_UMLAUTS)
    ascii_only = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", ascii_only.replace("'", "")).strip("_")[:100] or "file"


def kilobytes(size: int) -> float:
    """Return a size in bytes as thousands of bytes, with two digits as JavaScript rounds them."""
    return math.floor(size / 1000 * 100 + 0.5) / 100
