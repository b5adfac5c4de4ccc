"""
What a codec is: how one column is carried, and how the proof reads it back.

`encode` serves the load, `decode` and `project` serve the proof; the two halves
live in different modules and share no conversion code, so that a fault in one
cannot hide in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from howdah.codecs.values import Encoded, SourceColumn

Params = Mapping[str, str]

#: The equality of a codec whose `decode` gives exactly what SQLite stored, class and bytes.
EXACT = "exact"


@dataclass(frozen=True, kw_only=True)
class Codec:
    """
    One way to carry a column.

    `encode(column, params, pg_type)` gives the wire format of `pg_type` (as written
    in DDL, e.g. "numeric(10,2)"). The proof selects the column with `read_as`
    ("{}" or a cast such as "{}::text", applied to the quoted column), gets Arrow from
    ADBC's PostgreSQL driver, and `decode(array, params)` turns it back into what
    SQLite stored. A value that `encode` could not have written decodes to something
    no source value equals, never to the nearest one.

    Where equality is not "exact", `project(column, params)` brings the *source*
    column to the form that `decode` gives, by a second implementation. Equality may
    depend on the parameters: ask `equality_with`, and compare `projected(source)`
    with `decode(target)`; both are right for every codec.
    """

    name: str
    #: One sentence for `docs/reference/codecs.md` and the plan file.
    summary: str
    #: Base names of the PostgreSQL types it writes (`pgtypes.PgType.base`), e.g. {"numeric"}.
    target_types: frozenset[str]
    encode: Callable[[SourceColumn, Params, str], Encoded]
    decode: Callable[[pa.Array, Params], SourceColumn]
    read_as: str = "{}"
    #: "exact", or the equality that is kept instead ("by numeric value", "JSON by value"…).
    equality: str = EXACT
    project: Callable[[SourceColumn, Params], SourceColumn] | None = None
    #: Names of parameters it takes → what they mean.
    parameters: Mapping[str, str] | None = None
    #: Parameters with a fixed set of values → those values, the default first.
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Equality under given parameters, where it is not always the same.
    equality_by_params: Callable[[Params], str] | None = None
    #: Reasons in `Encoded.rejected` → what they mean, for people.
    rejects: Mapping[str, str] = field(default_factory=dict)
    #: Rules in `Encoded.changed` → what they mean, for people.
    changes: Mapping[str, str] = field(default_factory=dict)

    def equality_with(self, params: Params) -> str:
        """Return the equality that is kept with these parameters."""
        return self.equality if self.equality_by_params is None else self.equality_by_params(params)

    def projected(self, column: SourceColumn, params: Params) -> SourceColumn:
        """Return the source column in the form that `decode` gives: itself where equality is exact."""
        if self.project is None or self.equality_with(params) == EXACT:
            return column
        return self.project(column, params)
