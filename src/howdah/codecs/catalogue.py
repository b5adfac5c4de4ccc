"""
Every codec as data: the vocabulary of plan files, and what docs/reference/codecs.md says.

A list, so it is long. Other rooms come to a codec through `registry.get_codec`.
"""

from __future__ import annotations

from functools import partial

from howdah.codecs import decode_any_text as any_text_back
from howdah.codecs import decode_epoch as epoch_back
from howdah.codecs import decode_iso as iso_back
from howdah.codecs import decode_json as json_back
from howdah.codecs import decode_numeric as numeric_back
from howdah.codecs import decode_scalars as scalars_back
from howdah.codecs import decode_text as text_back
from howdah.codecs import decode_uuid as uuid_back
from howdah.codecs import encode_any_text as any_text
from howdah.codecs import encode_bytes as octets
from howdah.codecs import encode_epoch as epoch
from howdah.codecs import encode_iso as iso
from howdah.codecs import encode_json as json_text
from howdah.codecs import encode_numeric as numeric
from howdah.codecs import encode_scalars as scalars
from howdah.codecs import encode_text as text
from howdah.codecs import encode_uuid as uuid_text
from howdah.codecs.base import Codec
from howdah.codecs.catalogue_any import ANY_CODECS

_MOMENTS = frozenset({"timestamp", "timestamptz"})

_TEXT_REJECTS = {
    "invalid-utf8": "The bytes are not UTF-8.",
    "nul-in-text": "Holds a NUL, which PostgreSQL's text cannot.",
    "too-long": "More characters than varchar(n) or char(n) allows, or bytes than name.",
    "field-too-long": "Longer than PostgreSQL's limit of 1 GB for one field.",
}
_TEXT_CHANGES = {
    "utf8-read-as-latin1": "Bytes that are not UTF-8 were read as ISO 8859-1.",
    "utf8-replaced": "Bytes that are not UTF-8 became U+FFFD.",
    "utf8-escaped": "Bytes that are not UTF-8 became \\xNN.",
    "nul-stripped": "NUL characters were left out.",
    "nul-replaced": "NUL characters became U+2400.",
}
_TEXT_PARAMETERS = {
    "invalid_utf8": "what to do with bytes that are not UTF-8",
    "nul": "what to do with NUL characters",
}
_TEXT_CHOICES = {"invalid_utf8": text.INVALID_UTF8_CHOICES, "nul": text.NUL_CHOICES}
_TRAILING_SPACE = "char(n) cannot tell a space at the end from its filling."
_UNLIKE_AFFINITY = (
    "SQLite does not keep a value of this class under the column's affinity, so it could not be read back."
)
_MOMENT_REJECTS = {
    "timestamp-out-of-range": "Before 4713 BC or after 294247 AD.",
    "timestamp-rounds": "timestamp(p) would round it.",
}

#: In the order of the reference.
ALL_CODECS = (
    Codec(
        name="integer",
        summary="INTEGER as a whole number of 16, 32 or 64 bits.",
        target_types=frozenset({"int2", "int4", "int8"}),
        encode=scalars.encode_integer,
        decode=scalars_back.decode_integer,
        rejects={
            "not-integer": "The value is not an INTEGER.",
            "integer-out-of-range": "Beyond the range of the type.",
        },
    ),
    Codec(
        name="boolean",
        summary="INTEGER 0 and 1 as false and true.",
        target_types=frozenset({"bool"}),
        encode=scalars.encode_boolean,
        decode=scalars_back.decode_boolean,
        rejects={"not-boolean": "Anything but the INTEGERs 0 and 1."},
    ),
    Codec(
        name="boolean-word",
        summary="TEXT that is one of two words as true and false.",
        target_types=frozenset({"bool"}),
        encode=octets.encode_boolean_word,
        decode=scalars_back.decode_boolean_word,
        parameters={"words": 'word for true, slash, word for false, such as "yes/no" (default "true/false")'},
        rejects={"not-boolean-word": "Anything but the two words, spelled exactly so."},
    ),
    Codec(
        name="real",
        summary="REAL bit for bit, infinities and -0.0 included.",
        target_types=frozenset({"float4", "float8"}),
        encode=scalars.encode_real,
        decode=scalars_back.decode_real,
        rejects={
            "not-real": "The value is not a REAL.",
            "float4-overflow": "Too large for float4.",
            "float4-rounds": "float4 would keep another number.",
        },
    ),
    Codec(
        name="text",
        summary="TEXT as it is; what PostgreSQL cannot hold goes by the policies.",
        target_types=frozenset({"text", "varchar", "char", "bpchar", "citext", "name", "xml"}),
        encode=text.encode_text,
        decode=text_back.decode_text,
        # char(n) loses its filling by the cast; for the other types it costs nothing.
        read_as="{}::text",
        equality="exact after the policies named in the plan",
        equality_by_params=text_back.text_equality,
        project=text_back.project_text,
        parameters=_TEXT_PARAMETERS,
        choices=_TEXT_CHOICES,
        rejects={
            "not-text": "The value is not a TEXT.",
            **_TEXT_REJECTS,
            "trailing-space": _TRAILING_SPACE,
        },
        changes=_TEXT_CHANGES,
    ),
    Codec(
        name="any-text",
        summary="Values of several classes as text; exact where affinity and spelling tell the class.",
        target_types=frozenset({"text", "varchar", "char", "bpchar", "citext", "name", "xml"}),
        encode=any_text.encode_any_text,
        decode=any_text_back.decode_any_text,
        read_as="{}::text",
        equality="by text form",
        equality_by_params=any_text_back.any_text_equality,
        project=any_text_back.project_any_text,
        parameters={
            "affinity": "affinity of the source column; all but blob let the class be read back",
            "blob": "whether a BLOB that is UTF-8 may become text",
            **_TEXT_PARAMETERS,
        },
        choices={"affinity": any_text.AFFINITY_CHOICES, "blob": any_text.BLOB_CHOICES, **_TEXT_CHOICES},
        rejects={
            **_TEXT_REJECTS,
            "blob-in-text": "A BLOB, or (with blob = utf8) one that is not UTF-8.",
            "class-unlike-affinity": _UNLIKE_AFFINITY,
            "trailing-space": _TRAILING_SPACE,
        },
        changes={**_TEXT_CHANGES, "stored-as-text": "A number or BLOB whose class cannot be read back."},
    ),
    Codec(
        name="bytes",
        summary="BLOB as it is.",
        target_types=frozenset({"bytea"}),
        encode=octets.encode_bytes,
        decode=scalars_back.decode_bytes,
        equality="by bytes",
        equality_by_params=scalars_back.bytes_equality,
        project=scalars_back.project_bytes,
        parameters={"text": "whether a TEXT may become its UTF-8 bytes"},
        choices={"text": octets.TEXT_CHOICES},
        rejects={
            "not-bytes": "An INTEGER or REAL.",
            "text-in-bytes": "A TEXT, which bytea cannot tell from a BLOB.",
            "field-too-long": "Longer than PostgreSQL's limit of 1 GB for one field.",
        },
        changes={"text-stored-as-bytes": "A TEXT arrived as its bytes."},
    ),
    Codec(
        name="numeric",
        summary="INTEGER and REAL (as its shortest decimal), or decimal TEXT, without loss of a digit.",
        target_types=frozenset({"numeric"}),
        encode=numeric.encode_numeric,
        decode=numeric_back.decode_numeric,
        # PostgreSQL's own text: as fast as what ADBC makes of numeric, and the same in every version.
        read_as="{}::text",
        equality="by numeric value",
        equality_by_params=numeric_back.numeric_equality,
        project=numeric_back.project_numeric,
        parameters={
            "affinity": "affinity of the source column, which tells the class; text takes decimal TEXT",
            "rounding": "whether digits beyond the scale may be rounded away",
            "scale": "scale of the type, required with rounding = half-away, "
            "and with affinity = blob where the type has one",
        },
        choices={"affinity": numeric.AFFINITY_CHOICES, "rounding": numeric.ROUNDING_CHOICES},
        rejects={
            "not-numeric": "A value of another class.",
            "not-canonical-decimal": "A TEXT that PostgreSQL would print otherwise.",
            "numeric-rounds": "More digits after the point than the type keeps.",
            "numeric-overflow": "More digits before the point than the type keeps, or infinity "
            "in a type with a precision.",
            "class-unlike-affinity": _UNLIKE_AFFINITY,
        },
        changes={
            "rounded": "Rounded half away from zero to the scale of the type.",
            "negative-zero-dropped": "-0.0 became 0.0, numeric has one zero.",
        },
    ),
    *(
        Codec(
            name=f"epoch-{unit}",
            summary=f"INTEGER {words} since 1970-01-01 UTC as a moment.",
            target_types=_MOMENTS | {"date"},
            encode=partial(epoch.encode_epoch, unit_us=unit_us),
            decode=partial(epoch_back.decode_epoch, unit_us=unit_us),
            rejects={
                "not-epoch": "The value is not an INTEGER.",
                "not-midnight": "A date cannot keep the time of day.",
                **_MOMENT_REJECTS,
            },
        )
        for unit, words, unit_us in (
            ("s", "seconds", 1_000_000),
            ("ms", "milliseconds", 1_000),
            ("us", "microseconds", 1),
        )
    ),
    Codec(
        name="epoch-real",
        summary="REAL seconds since 1970-01-01 UTC as a moment, where its microseconds give the double back.",
        target_types=_MOMENTS,
        encode=epoch.encode_epoch_real,
        decode=epoch_back.decode_epoch_real,
        rejects={
            "not-epoch": "The value is not a REAL.",
            "not-a-microsecond": "Finer than a microsecond.",
            "timestamp-out-of-range": "Beyond 2**33 seconds (year 2242), where doubles are coarser.",
            "timestamp-rounds": "timestamp(p) would round it.",
        },
    ),
    Codec(
        name="julian-day",
        summary="REAL Julian day as a moment, where its milliseconds give the double back.",
        target_types=_MOMENTS,
        encode=epoch.encode_julian_day,
        decode=epoch_back.decode_julian_day,
        rejects={
            "not-julian-day": "The value is not a REAL.",
            "not-a-millisecond": "Not what SQLite computes for a millisecond.",
            "timestamp-out-of-range": "Outside SQLite's own range, the years 0 to 9999.",
            "timestamp-rounds": "timestamp(p) would round it.",
        },
    ),
    Codec(
        name="iso-datetime",
        summary="TEXT timestamps of one ISO 8601 format as moments; without a zone they are taken as UTC.",
        target_types=_MOMENTS,
        encode=iso.encode_iso_datetime,
        decode=iso_back.decode_iso_datetime,
        parameters={
            "format": 'separator ("T" or space), digits after the second ("0" to "6"; "0/6": none or six), '
            'zone ("", "Z", "+00:00" or " +00:00"), such as "T3Z"; required'
        },
        rejects={
            "not-iso-datetime": "Not of that format, or no real moment of the years 1 to 9999.",
            "timestamp-rounds": "timestamp(p) would round it.",
        },
    ),
    Codec(
        name="iso-date",
        summary="TEXT YYYY-MM-DD as a date.",
        target_types=frozenset({"date"}),
        encode=iso.encode_iso_date,
        decode=iso_back.decode_iso_date,
        rejects={"not-iso-date": "Not of that format, or no real date of the years 1 to 9999."},
    ),
    Codec(
        name="iso-time",
        summary="TEXT HH:MM:SS as a time of day.",
        target_types=frozenset({"time"}),
        encode=iso.encode_iso_time,
        decode=iso_back.decode_iso_time,
        parameters={"format": 'digits after the second: "0" (default) to "6", or "0/6": none or six'},
        rejects={
            "not-iso-time": "Not of that format, or no time of a day.",
            "time-rounds": "time(p) would round it.",
        },
    ),
    Codec(
        name="json",
        summary="JSON TEXT as json, byte for byte.",
        target_types=frozenset({"json"}),
        encode=json_text.encode_json,
        decode=json_back.decode_json,
        parameters={
            "validity": "who vouches for valid JSON: check parses each value, census trusts that the census "
            "found every text of the column valid (the server still parses each)"
        },
        choices={"validity": json_text.VALIDITY_CHOICES},
        rejects={
            "not-json": "Not JSON by RFC 8259.",
            "json-too-deep": "Nested too deeply to be checked.",
            "invalid-utf8": _TEXT_REJECTS["invalid-utf8"],
            "nul-in-text": _TEXT_REJECTS["nul-in-text"],
            "field-too-long": _TEXT_REJECTS["field-too-long"],
        },
    ),
    Codec(
        name="jsonb",
        summary="JSON TEXT as jsonb: the value is kept, its spelling is not.",
        target_types=frozenset({"jsonb"}),
        encode=json_text.encode_jsonb,
        decode=json_back.decode_jsonb,
        equality="JSON by value",
        project=json_back.project_jsonb,
        rejects={
            "not-json": "Not JSON by RFC 8259.",
            "json-too-deep": "Nested too deeply to be checked.",
            "json-not-in-jsonb": "Holds \\u0000, half a surrogate pair, or a number beyond numeric.",
            "invalid-utf8": _TEXT_REJECTS["invalid-utf8"],
            "nul-in-text": _TEXT_REJECTS["nul-in-text"],
            "field-too-long": _TEXT_REJECTS["field-too-long"],
        },
        changes={"duplicate-keys-dropped": "Of a key that is repeated in an object, the last one stays."},
    ),
    Codec(
        name="uuid-text",
        summary="TEXT of 36 characters, digits of one case, as uuid.",
        target_types=frozenset({"uuid"}),
        encode=uuid_text.encode_uuid_text,
        decode=uuid_back.decode_uuid_text,
        parameters={"case": "case of the digits"},
        choices={"case": uuid_text.CASE_CHOICES},
        rejects={"not-uuid": "Not of that spelling."},
    ),
    Codec(
        name="uuid-hex32",
        summary="TEXT of 32 hexadecimal digits of one case as uuid.",
        target_types=frozenset({"uuid"}),
        encode=uuid_text.encode_uuid_hex32,
        decode=uuid_back.decode_uuid_hex32,
        parameters={"case": "case of the digits"},
        choices={"case": uuid_text.CASE_CHOICES},
        rejects={"not-uuid": "Not of that spelling."},
    ),
    Codec(
        name="uuid-blob",
        summary="BLOB of 16 bytes as uuid.",
        target_types=frozenset({"uuid"}),
        encode=uuid_text.encode_uuid_blob,
        decode=uuid_back.decode_uuid_blob,
        parameters={
            "order": "order of the bytes: that of RFC 9562, or the first three groups little-endian, as .NET "
            "writes a Guid"
        },
        choices={"order": uuid_text.ORDER_CHOICES},
        rejects={"not-uuid": "Not a BLOB of 16 bytes."},
    ),
    *ANY_CODECS,
)
