"""
Decode text, and carry out the policies for NUL and invalid UTF-8 a second time, on the source.

`project_text` repairs value by value with Python's decoder and its error positions;
the encoder finds the values with Arrow and uses Python's error handlers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from howdah.codecs.base import EXACT, Params
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.values import SourceColumn


def decode_text(array: pa.Array, params: Params) -> SourceColumn:
    """text, varchar, char (read as text) → TEXT."""
    plain = read_storage(array, "text", pa.types.is_string)
    return source_column(len(plain), text=plain)


def text_equality(params: Params) -> str:
    """Return "exact" while no policy may change a value."""
    kept = [
        f"{name} by {params[name]}"
        for name in ("invalid_utf8", "nul")
        if params.get(name, "quarantine") != "quarantine"
    ]
    return f"exact after {' and '.join(kept)}" if kept else EXACT


def project_text(column: SourceColumn, params: Params) -> SourceColumn:
    """Apply the policies to the source's own texts."""
    if column.text is None or text_equality(params) == EXACT:
        return column
    return source_column(
        column.length,
        integer=column.integer,
        real=column.real,
        text=repair_texts(column.text, params),
        blob=column.blob,
    )


def repair_texts(texts: pa.Array, params: Params) -> pa.Array:
    """Return the texts with what the policies change; what is quarantined stays as it is."""
    on_invalid = params.get("invalid_utf8", "quarantine")
    on_nul = params.get("nul", "quarantine")
    return pa.array(
        [None if text is None else _repair(text, on_invalid, on_nul) for text in texts.to_pylist()],
        pa.binary(),
    )


def _repair(content: bytes, on_invalid: str, on_nul: str) -> bytes:
    if on_invalid == "latin1":
        if not content.isascii() and next(_faults(content), None) is not None:
            # ISO 8859-1 numbers its characters as Unicode does.
            content = "".join(map(chr, content)).encode()
    elif on_invalid in ("replace", "escape"):
        content = _substitute(content, _SUBSTITUTES[on_invalid])
    if on_nul == "strip":
        return bytes(byte for byte in content if byte) if 0 in content else content
    if on_nul == "replace":
        return "\u2400".encode().join(content.split(b"\0"))
    return content


_SUBSTITUTES: dict[str, Callable[[bytes], bytes]] = {
    "replace": lambda fault: "\N{REPLACEMENT CHARACTER}".encode(),
    "escape": lambda fault: b"".join(b"\\x%02x" % byte for byte in fault),
}


def _faults(content: bytes) -> Iterator[tuple[int, int]]:
    """Give start and end of each faulty sequence."""
    start = 0
    while start < len(content):
        try:
            content[start:].decode()
        except UnicodeDecodeError as error:
            yield start + error.start, start + error.end
            start += error.end
        else:
            return


def _substitute(content: bytes, substitute: Callable[[bytes], bytes]) -> bytes:
    pieces: list[bytes] = []
    done = 0
    for start, end in _faults(content):
        pieces += [content[done:start], substitute(content[start:end])]
        done = end
    return b"".join([*pieces, content[done:]])
