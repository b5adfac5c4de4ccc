"""
Encode lists of JSON documents into json[] and jsonb[].

A JSON list is taken apart as it is written, so that every document keeps its text; within PostgreSQL's {…}
each element is the text of a document.
"""

from __future__ import annotations

import json

from howdah.codecs.base import Params
from howdah.codecs.encode_any_json import any_json
from howdah.codecs.encode_array import pack_array, read_literal, read_shape
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.params import read_integer
from howdah.codecs.pgtypes import DOCUMENT_TYPES, PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.errors import UsageError

_SPACE = " \t\r\n"


def any_documents(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → json[], jsonb[]. Raises UsageError C-103, C-104."""
    element = pg_type.element
    if element is None or element.base not in DOCUMENT_TYPES:
        raise UsageError("C-104", "no codec writes elements of this type")
    oid = read_integer(params, "element_oid")
    if oid is None:
        raise UsageError("C-103", 'codec "documents" needs the parameter "element_oid"')
    convert_document = any_json({}, element)

    def convert(value: Stored, notes: Notes) -> bytes:
        if not isinstance(value, str):
            raise Unfit("not-a-list")
        body = value.strip()
        if body.startswith("["):
            lengths, texts = [], list(_split(body))
            if texts:
                lengths = [len(texts)]
        else:
            lengths, texts = read_shape(read_literal(body))
        fields = [None if text is None else convert_document(str(text), notes) for text in texts]
        return pack_array(lengths, fields, oid)

    return convert


def _split(text: str) -> list[object]:
    """Return the text of each document of a JSON list, None for null."""
    decoder = json.JSONDecoder()
    try:
        json.loads(text)
        documents: list[object] = []
        position = _skip(text, 1)
        while text[position] != "]":
            _, end = decoder.raw_decode(text, position)
            document = text[position:end]
            documents.append(None if document == "null" else document)
            position = _skip(text, end)
            if text[position] == ",":
                position = _skip(text, position + 1)
    except (ValueError, RecursionError):
        raise Unfit("not-a-list") from None
    return documents


def _skip(text: str, position: int) -> int:
    while text[position] in _SPACE:
        position += 1
    return position


def encode_documents(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → json[], jsonb[]."""
    return encode_each(column, any_documents(params, parse_type(pg_type)))
