"""
The codecs that go value by value, as data: for types that an application chose, and for mixed columns.

A list, so it is long. Each keeps an equality other than exact: PostgreSQL's own print of the
value against what Python's standard library makes of the source's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from howdah.codecs import decode_any_json as json_back
from howdah.codecs import decode_any_moment as moment_back
from howdah.codecs import decode_any_number as number_back
from howdah.codecs import decode_array as array_back
from howdah.codecs import decode_documents as documents_back
from howdah.codecs import decode_duration as duration_back
from howdah.codecs import decode_hstore as hstore_back
from howdah.codecs import decode_labels as labels_back
from howdah.codecs import decode_multirange as multirange_back
from howdah.codecs import decode_network as network_back
from howdah.codecs import decode_scalars as scalars_back
from howdah.codecs import decode_tsvector as tsvector_back
from howdah.codecs import decode_vector as vector_back
from howdah.codecs import encode_any_json as any_json
from howdah.codecs import encode_any_moment as moment
from howdah.codecs import encode_any_number as number
from howdah.codecs import encode_array as array
from howdah.codecs import encode_documents as documents
from howdah.codecs import encode_duration as duration
from howdah.codecs import encode_hstore as hstore
from howdah.codecs import encode_labels as labels
from howdah.codecs import encode_multirange as multirange
from howdah.codecs import encode_network as network
from howdah.codecs import encode_text as text
from howdah.codecs import encode_tsvector as tsvector
from howdah.codecs import encode_vector as vector
from howdah.codecs.base import Codec
from howdah.codecs.decode_each import decode_printed, project_without_empty
from howdah.codecs.encode_each import EMPTY_CHOICES, encode_without_empty
from howdah.codecs.encode_uuid import ORDER_CHOICES
from howdah.codecs.moment_params import UNIT_CHOICES

_NOT_UTF8 = {"invalid-utf8": "The bytes are not UTF-8."}

_MOMENT_PARAMETERS = {
    "unit": "what numbers count: seconds, milliseconds, microseconds or nanoseconds since 1970, days since "
    "1970, Julian days, .NET ticks, seconds since 2001 (Apple), microseconds since 1601 (WebKit); auto tells "
    "Julian days and what counts from 1970, but for days, apart by magnitude, between 1990 and 2100",
    "zone": "IANA name of the zone of texts without zone and of the type without zone (default UTC)",
}
_DIGITS = {"digits": "digits after the second that the type keeps, required where it is not six"}
_MOMENT_REJECTS = {
    "not-a-moment": "No ISO 8601 date or moment of the years 1 to 9999, and no number that may count time.",
    "unit-unclear": "A number that no unit, or more than one, brings between 1990 and 2100.",
    "no-such-local-time": "A text within the hour that the zone's clock leaps over.",
    "timestamp-out-of-range": "Before 4713 BC or after 294247 AD; where a zone is named, outside 1 to 9999.",
    **_NOT_UTF8,
}
_MOMENT_CHANGES = {
    "rounded": "Rounded half away from zero to what the type keeps, or to a microsecond.",
    "truncated-to-microseconds": "Digits after the microsecond were left out.",
    "repeated-hour": "Within the hour that the zone's clock shows twice; the first was taken, or it was lost "
    "which of the two.",
}
_NUMBER_CHANGES = {"text-to-number": "A TEXT was read as the number it spells."}


def _any_moment(name: str, words: str, *, zoned: bool) -> Codec:
    return Codec(
        name=f"any-{name}",
        summary=f"Moments in any ISO 8601 spelling or counted in any unit, as {words}.",
        target_types=frozenset({name}),
        encode=moment.encode_any_moment,
        decode=decode_printed,
        read_as="{}::text",
        equality="by moment" if zoned else "by wall clock",
        project=partial(moment_back.project_moment, zoned=zoned),
        parameters={**_MOMENT_PARAMETERS, **_DIGITS},
        choices={"unit": UNIT_CHOICES},
        rejects=_MOMENT_REJECTS,
        changes=_MOMENT_CHANGES,
    )


def _any_time(name: str, words: str, *, zoned: bool) -> Codec:
    return Codec(
        name=f"any-{name}",
        summary=f"TEXT times of day in any ISO 8601 spelling, as {words}.",
        target_types=frozenset({name}),
        encode=moment.encode_any_time,
        decode=decode_printed,
        read_as="{}::text",
        equality="by time of day",
        project=partial(moment_back.project_time, zoned=zoned),
        parameters={"zone": _MOMENT_PARAMETERS["zone"], **_DIGITS},
        rejects={
            "not-a-time": "No ISO 8601 time of day; with a zone where the type keeps none, or without one "
            "where the zone of the times has no fixed offset.",
            **_NOT_UTF8,
        },
        changes={
            "rounded": _MOMENT_CHANGES["rounded"],
            "truncated-to-microseconds": _MOMENT_CHANGES["truncated-to-microseconds"],
            "date-dropped": "The date 2000-01-01 or 1970-01-01 before the time was left out.",
        },
    )


_ADDRESS_REJECTS = {"not-an-address": "No address of this kind.", **_NOT_UTF8}


def _network(name: str) -> Codec:
    return Codec(
        name=name,
        summary=f"TEXT addresses, IPv4 and IPv6, as {name}.",
        target_types=frozenset({name}),
        encode=network.encode_network,
        decode=decode_printed,
        read_as="{}::text" if name == "cidr" else "pg_catalog.inet_out({})::text",
        equality="by address",
        project=partial(network_back.project_network, is_cidr=name == "cidr"),
        rejects=_ADDRESS_REJECTS
        | ({"not-a-network": "Bits are set behind the mask."} if name == "cidr" else {}),
    )


def _may_be_empty(codec: Codec) -> Codec:
    """Return the codec with the parameter `empty`, for applications that write '' where they mean NULL."""
    assert codec.project is not None
    return replace(
        codec,
        encode=partial(encode_without_empty, codec.encode),
        project=partial(project_without_empty, codec.project),
        parameters={**(codec.parameters or {}), "empty": "what becomes of an empty TEXT"},
        choices={**codec.choices, "empty": EMPTY_CHOICES},
        changes={**codec.changes, "empty-to-null": "An empty TEXT became NULL."},
    )


_CODECS = (
    Codec(
        name="any-integer",
        summary="Whole numbers of any class as integers or oid.",
        target_types=frozenset({"int2", "int4", "int8", "oid"}),
        encode=number.encode_any_integer,
        decode=decode_printed,
        read_as="{}::text",
        equality="by whole number",
        project=number_back.project_integer,
        rejects={
            "not-integer": "No whole number.",
            "integer-out-of-range": "Beyond the range of the type.",
            "digits-lost-in-source": "A REAL beyond 2**53: which integer was meant cannot be told.",
            **_NOT_UTF8,
        },
        changes={"real-to-integer": "A REAL without fraction became an integer.", **_NUMBER_CHANGES},
    ),
    Codec(
        name="any-boolean",
        summary="0, 1 and the words that PostgreSQL knows (true, t, yes, on…) as boolean.",
        target_types=frozenset({"bool"}),
        encode=number.encode_any_boolean,
        decode=decode_printed,
        read_as="{}::text",
        equality="by truth",
        project=number_back.project_boolean,
        rejects={"not-boolean": "Neither 0, 1 nor such a word.", **_NOT_UTF8},
        changes={"read-as-boolean": "A word, 0.0 or 1.0 was read as true or false."},
    ),
    Codec(
        name="any-real",
        summary="Numbers of any class as floating point: the double they are, or the nearest float4.",
        target_types=frozenset({"float4", "float8"}),
        encode=number.encode_any_real,
        decode=scalars_back.decode_real,
        equality="by number",
        project=number_back.project_real,
        parameters={"width": "bytes of the type"},
        choices={"width": number.WIDTH_CHOICES},
        rejects={
            "not-real": "No number.",
            "real-rounds": "An INTEGER of more digits than a double has.",
            "real-overflow": "Beyond the range of the type.",
            **_NOT_UTF8,
        },
        changes={"nearest-float4": "The nearest float4 is another number.", **_NUMBER_CHANGES},
    ),
    Codec(
        name="any-numeric",
        summary="Numbers of any class and decimal TEXT as numeric, rounded half away from zero to its scale.",
        target_types=frozenset({"numeric"}),
        encode=number.encode_any_numeric,
        decode=number_back.decode_plain_numeric,
        read_as="{}::text",
        equality="by numeric value, after rounding",
        project=number_back.project_plain_numeric,
        parameters={"scale": "scale of the type, required where it has one"},
        rejects={
            "not-numeric": "No decimal number.",
            "numeric-overflow": "More digits before the point than the type keeps, or infinity where there "
            "is a precision.",
            **_NOT_UTF8,
        },
        changes={"rounded": "Rounded half away from zero to the scale of the type."},
    ),
    Codec(
        name="money",
        summary="Numbers of any class and decimal TEXT as money.",
        target_types=frozenset({"money"}),
        encode=number.encode_any_money,
        decode=number_back.decode_plain_numeric,
        read_as="{}::numeric::text",
        equality="by numeric value, after rounding",
        project=number_back.project_plain_numeric,
        parameters={"digits": "digits after the point that the server's lc_monetary keeps (2), required"},
        rejects={
            "not-numeric": "No decimal number.",
            "numeric-overflow": "Beyond the range of the type.",
            **_NOT_UTF8,
        },
        changes={"rounded": "Rounded half away from zero."},
    ),
    _any_moment("timestamp", "the wall clock of the zone", zoned=False),
    _any_moment("timestamptz", "the moment", zoned=True),
    Codec(
        name="any-date",
        summary="Dates and moments at midnight in any ISO 8601 spelling, or counted in any unit, as a date.",
        target_types=frozenset({"date"}),
        encode=moment.encode_any_date,
        decode=decode_printed,
        read_as="{}::text",
        equality="by date",
        project=moment_back.project_date,
        parameters={**_MOMENT_PARAMETERS, "time": "whether a time of day may be dropped"},
        choices={"unit": UNIT_CHOICES, "time": ("reject", "drop")},
        rejects={**_MOMENT_REJECTS, "not-midnight": "A date cannot keep the time of day."},
        changes={**_MOMENT_CHANGES, "time-dropped": "The time of day was left out."},
    ),
    _any_time("time", "a time of day", zoned=False),
    _any_time("timetz", "a time of day with its offset", zoned=True),
    Codec(
        name="duration",
        summary="Lengths of time as interval: counts (Django), moments after 1970 (SQLAlchemy), clocks, ISO.",
        target_types=frozenset({"interval"}),
        encode=duration.encode_duration,
        decode=decode_printed,
        read_as="{}::text",
        equality="by months, days and microseconds",
        project=duration_back.project_duration,
        parameters={"unit": "what numbers count; ticks are .NET's, 100 ns"},
        choices={"unit": duration.UNIT_CHOICES},
        rejects={
            "not-a-duration": "No length of time in a known spelling.",
            "interval-rounds": "interval(p) would round it.",
            "interval-out-of-range": "More days or months than interval counts.",
            **_NOT_UTF8,
        },
        changes={
            "rounded": "Rounded to a microsecond.",
            "truncated-to-microseconds": _MOMENT_CHANGES["truncated-to-microseconds"],
        },
    ),
    Codec(
        name="any-json",
        summary="JSON texts and numbers of one column as json or jsonb, by value.",
        target_types=frozenset({"json", "jsonb"}),
        encode=any_json.encode_any_json,
        decode=json_back.decode_any_json,
        read_as="{}::text",
        equality="JSON by value",
        project=json_back.project_any_json,
        parameters={
            "bare": "what becomes of a TEXT that is no JSON: a JSON string, or a string that holds its JSON "
            "(which Strapi reads as the text)",
            "escapes": "what becomes of \\u0000 and half a surrogate pair, which jsonb does not take",
            "invalid_utf8": "what to do with bytes that are not UTF-8",
            "nul": "what to do with NUL characters",
        },
        choices={
            "bare": any_json.BARE_CHOICES,
            "escapes": any_json.ESCAPE_CHOICES,
            "invalid_utf8": text.INVALID_UTF8_CHOICES,
            "nul": text.NUL_CHOICES,
        },
        rejects={
            "not-json": "Not JSON by RFC 8259, a BLOB or an infinity.",
            "json-too-deep": "Nested too deeply to be checked.",
            "json-not-in-jsonb": "Holds \\u0000, half a surrogate pair, or a number beyond numeric.",
            "nul-in-text": "Holds a NUL, which PostgreSQL's text cannot.",
            "field-too-long": "Longer than PostgreSQL's limit of 1 GB for one field.",
            **_NOT_UTF8,
        },
        changes={
            "number-to-json": "An INTEGER or REAL became a JSON number.",
            "bare-text-to-string": "A TEXT that is no JSON became a JSON string.",
            "escape-replaced": "\\u0000 or half a surrogate pair became U+FFFD.",
            "duplicate-keys-dropped": "Of a key that is repeated in an object, the last one stays.",
            "utf8-read-as-latin1": "Bytes that are not UTF-8 were read as ISO 8859-1.",
            "utf8-replaced": "Bytes that are not UTF-8 became U+FFFD.",
            "utf8-escaped": "Bytes that are not UTF-8 became \\xNN.",
            "nul-stripped": "NUL characters were left out.",
            "nul-replaced": "NUL characters became U+2400.",
        },
    ),
    Codec(
        name="any-uuid",
        summary="UUIDs in any spelling, as TEXT or as a BLOB of 16 bytes.",
        target_types=frozenset({"uuid"}),
        encode=labels.encode_any_uuid,
        decode=decode_printed,
        read_as="{}::text",
        equality="by UUID",
        project=labels_back.project_uuid,
        parameters={"order": "order of the bytes of a BLOB: that of RFC 9562, or .NET's Guid"},
        choices={"order": ORDER_CHOICES},
        rejects={"not-uuid": "No UUID.", **_NOT_UTF8},
    ),
    Codec(
        name="enum",
        summary="TEXT that is a label of the enum, letter by letter.",
        target_types=frozenset({"enum"}),
        encode=labels.encode_label,
        decode=decode_printed,
        read_as="{}::text",
        equality="by text form",
        project=labels_back.project_plain,
        parameters={"labels": "the labels of the enum, as a JSON list; required"},
        rejects={"no-such-label": "The enum has no such label.", **_NOT_UTF8},
        changes={"number-to-label": "A number was written as the label that spells it."},
    ),
    _network("inet"),
    _network("cidr"),
    Codec(
        name="macaddr",
        summary="TEXT or BLOB hardware addresses.",
        target_types=frozenset({"macaddr", "macaddr8"}),
        encode=network.encode_hardware_address,
        decode=decode_printed,
        read_as="{}::text",
        equality="by address",
        project=network_back.project_hardware_address,
        rejects=_ADDRESS_REJECTS,
    ),
    Codec(
        name="bits",
        summary="TEXT of the characters 0 and 1 as a string of bits.",
        target_types=frozenset({"bit", "varbit"}),
        encode=labels.encode_bits,
        decode=decode_printed,
        read_as="{}::text",
        equality="by text form",
        project=labels_back.project_plain,
        rejects={
            "not-bits": "Another character than 0 and 1, or a number (whose zeros in front SQLite drops).",
            "bits-do-not-fit": "Not the length of the type.",
            **_NOT_UTF8,
        },
    ),
    Codec(
        name="array",
        summary="Lists as arrays: a JSON list or PostgreSQL's {…}.",
        target_types=frozenset({"array"}),
        encode=array.encode_array,
        decode=decode_printed,
        read_as="{}::text",
        equality="element by element",
        project=array_back.project_array,
        parameters={
            "element": "base type of the elements; required",
            "element_oid": "pg_type.oid of the elements; required",
            "split": "whether another TEXT may be cut at its commas",
            "scale": "scale of numeric elements",
            "labels": "labels of elements that are enums",
            "width": "bytes of float elements",
            "pad": "length of char(n) elements, required where they have one",
            **_MOMENT_PARAMETERS,
            **_DIGITS,
        },
        choices={"split": array.SPLIT_CHOICES},
        rejects={
            "not-a-list": "No JSON list, no {…}, or an element that is none.",
            "not-rectangular": "Lists within are not of one length.",
            "any reason of the element's own codec": "An element does not fit.",
        },
        changes={"any rule of the element's own codec": "An element was altered."},
    ),
    Codec(
        name="range",
        summary="Ranges in PostgreSQL's spelling, or as JSON with lower, upper and bounds (Django).",
        target_types=frozenset({"range"}),
        encode=array.encode_range,
        decode=decode_printed,
        read_as="{}::text",
        equality="by bounds",
        project=array_back.project_range,
        parameters={
            "element": "base type of the bounds; required",
            "scale": "scale of numeric bounds",
            "width": "bytes of float bounds",
            **_MOMENT_PARAMETERS,
            **_DIGITS,
        },
        rejects={
            "not-a-range": "Neither spelling.",
            "any reason of the bound's own codec": "A bound does not fit.",
        },
    ),
    Codec(
        name="multirange",
        summary="Sets of ranges: PostgreSQL's {…}, or a JSON list of ranges in either of their spellings.",
        target_types=frozenset({"multirange"}),
        encode=multirange.encode_multirange,
        decode=decode_printed,
        read_as="{}::text",
        equality="by what is within",
        project=multirange_back.project_multirange,
        parameters={
            "element": "base type of the bounds; required",
            "scale": "scale of numeric bounds",
            "width": "bytes of float bounds",
            **_MOMENT_PARAMETERS,
            **_DIGITS,
        },
        rejects={
            "not-a-multirange": "Neither spelling.",
            "not-a-range": "A range within is in no known spelling.",
            "any reason of the bound's own codec": "A bound does not fit.",
        },
    ),
    Codec(
        name="documents",
        summary="Lists of JSON documents as arrays: a JSON list, or PostgreSQL's {…} of their texts.",
        target_types=frozenset({"array"}),
        encode=documents.encode_documents,
        decode=documents_back.decode_documents,
        read_as="{}::text",
        equality="JSON by value, document by document",
        project=documents_back.project_documents,
        parameters={"element_oid": "pg_type.oid of json or jsonb; required"},
        rejects={
            "not-a-list": "No JSON list and no {…}.",
            "not-rectangular": "Lists within {…} are not of one length.",
            "any reason of any-json": "A document does not fit.",
        },
        changes={"duplicate-keys-dropped": "Of a key that is repeated in an object, the last one stays."},
    ),
    Codec(
        name="byte-char",
        summary='TEXT of one ASCII character, or none, as "char".',
        target_types=frozenset({"byte-char"}),
        encode=labels.encode_byte,
        decode=decode_printed,
        read_as="{}::text",
        equality="by text form",
        project=labels_back.project_plain,
        rejects={"not-one-byte": "More than one character, or one beyond ASCII.", **_NOT_UTF8},
    ),
    Codec(
        name="tsvector",
        summary="Full-text vectors in PostgreSQL's spelling ('cat':3A 'fat':2).",
        target_types=frozenset({"tsvector"}),
        encode=tsvector.encode_tsvector,
        decode=decode_printed,
        read_as="{}::text",
        equality="by lexemes",
        project=tsvector_back.project_tsvector,
        rejects={"not-a-tsvector": "Another spelling.", **_NOT_UTF8},
    ),
    Codec(
        name="hstore",
        summary="Maps of texts: a JSON object without nesting, or hstore's own spelling.",
        target_types=frozenset({"hstore"}),
        encode=hstore.encode_hstore,
        decode=decode_printed,
        read_as="{}::text",
        equality="by keys and values",
        project=hstore_back.project_hstore,
        rejects={
            "not-a-map": "Neither spelling.",
            "nul-in-text": "Holds a NUL, which PostgreSQL's text cannot.",
            "field-too-long": "A key or value is longer than hstore keeps.",
            **_NOT_UTF8,
        },
    ),
    Codec(
        name="vector",
        summary="Vectors of float4: a BLOB of them (little-endian), or a JSON list.",
        target_types=frozenset({"vector"}),
        encode=vector.encode_vector,
        decode=vector_back.decode_vector,
        read_as="{}::text",
        equality="by float4",
        project=vector_back.project_vector,
        rejects={
            "not-a-vector": "No such list, or a number that is not finite.",
            "vector-of-another-length": "Not as many numbers as the type says.",
            **_NOT_UTF8,
        },
        changes={"nearest-float4": "A decimal became the nearest float4."},
    ),
)

#: Codecs of types that have no empty value.
_WITHOUT_EMPTY = frozenset(
    {
        *("any-integer", "any-boolean", "any-real", "any-numeric", "money", "any-uuid", "duration"),
        *("any-timestamp", "any-timestamptz", "any-date", "any-time", "any-timetz"),
        *("inet", "cidr", "macaddr", "any-json"),
    }
)

#: In the order of the reference.
ANY_CODECS = tuple(_may_be_empty(codec) if codec.name in _WITHOUT_EMPTY else codec for codec in _CODECS)
