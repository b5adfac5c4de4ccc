"""
What a codec is: how one column is carried, and how the proof reads it back.

`encode` serves the load, `decode` and `project` serve the proof; the two halves
live in different modules and share no conversion code, so that a fault in one
cannot hide in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from howdah.codecs.values import Encoded, SourceColumn

Params = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Codec:
    """
    One way to carry a column.

    `encode(column, params, pg_type)` gives the wire format of `pg_type` (as written
    in DDL, e.g. "numeric(10,2)"). The proof selects the column with `read_as`
    ("{}" or a cast such as "{}::text", applied to the quoted column), gets Arrow from
    ADBC's PostgreSQL driver, and `decode(array, params)` turns it back into what
    SQLite stored. Where `equality` is not "exact", `project(column, params)` brings
    the *source* column to the form that `decode` gives, by a second implementation.
    """

    name: str
    #: One sentence for `docs/reference/codecs.md` and the plan file.
    summary: str
    #: Base names of the PostgreSQL types it writes, e.g. {"numeric"}.
    target_types: frozenset[str]
    encode: Callable[[SourceColumn, Params, str], Encoded]
    decode: Callable[[pa.Array, Params], SourceColumn]
    read_as: str = "{}"
    #: "exact", or the equality that is kept instead ("by numeric value", "JSON by value"…).
    equality: str = "exact"
    project: Callable[[SourceColumn, Params], SourceColumn] | None = None
    #: Names of parameters it takes → what they mean.
    parameters: Mapping[str, str] | None = None
