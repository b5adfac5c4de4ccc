"""
Bring lists of JSON documents to one canonical JSON list on both sides, for the proof.

NULL is null there; a document that is null itself is told apart by a mark that no JSON has.
"""

from __future__ import annotations

import pyarrow as pa

from howdah.codecs.base import Params
from howdah.codecs.canonical_json import canonical_json
from howdah.codecs.decode_array import read_braces
from howdah.codecs.decode_each import Stored, project_each
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.values import SourceColumn

_NULL_DOCUMENT = "\0null"


def decode_documents(array: pa.Array, params: Params) -> SourceColumn:
    """json[], jsonb[], printed by PostgreSQL → TEXT, a canonical JSON list."""
    shown = read_storage(array, "documents", pa.types.is_string).to_pylist()
    texts = [
        None if text is None else _canonical_braces(text).encode("utf-8", "surrogatepass") for text in shown
    ]
    return source_column(len(array), text=pa.array(texts, pa.binary()))


def _canonical_braces(text: str) -> str:
    return _canonical_list(read_braces(iter(text.strip()[1:])))


def _canonical_list(elements: list[object]) -> str:
    return "[" + ",".join(map(_canonical_element, elements)) + "]"


def _canonical_element(element: object) -> str:
    if element is None:
        return "null"
    if isinstance(element, list):
        return _canonical_list(element)
    canonical = canonical_json(str(element).encode("utf-8", "surrogatepass"))
    if canonical.startswith(b"\xff"):
        raise ValueError(element)
    document = canonical.decode("utf-8", "surrogatepass")
    return _NULL_DOCUMENT if document == "null" else document


def _spell(value: Stored) -> str | None:
    if not isinstance(value, str):
        return None
    body = value.strip()
    if body.startswith("{"):
        return _canonical_braces(body)
    canonical = canonical_json(body.encode("utf-8", "surrogatepass"))
    return canonical.decode("utf-8", "surrogatepass") if canonical.startswith(b"[") else None


def project_documents(column: SourceColumn, params: Params) -> SourceColumn:
    """Bring every list to its canonical form."""
    return project_each(column, _spell)
