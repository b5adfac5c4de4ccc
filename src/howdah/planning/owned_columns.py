"""
Decide how one column is carried into a type that the application chose.

Pure. The target's type is given; what SQLite really stores and the options choose the
codec. A value that the type cannot hold is set aside by the codec under its reason:
nothing is squeezed in. A type that no codec writes leaves the decision without a codec,
and the caller refuses or leaves the column out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from howdah.model.findings import Finding
from howdah.model.target_type import TargetType
from howdah.planning.types import ColumnFacts


@dataclass(frozen=True, kw_only=True)
class OwnedOptions:
    """What a person or a pack says about all columns."""

    #: Zone (IANA name) of times without zone on both sides: texts in SQLite, `timestamp` in PostgreSQL.
    source_tz: str = "UTC"
    #: Declared type in upper case ("DATETIME") → unit of its integers ("s", "ms", "us", "ns"), where one
    #: column alone does not tell; see `find_epoch_units`.
    epoch_units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ColumnOverride:
    """What a person or a pack says about one column."""

    #: Name in the codec registry, "" leaves the choice to the rules.
    codec: str = ""
    #: Laid over those that the rules chose for the same codec, or the parameters of `codec`.
    params: Mapping[str, str] = field(default_factory=dict)
    #: Who said so, for the reason: 'pack "strapi"', "plan file".
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnedDecision:
    #: As PostgreSQL's catalog names it.
    type: str
    #: The same for the codecs (`codecs.pgtypes.parse_type`): a domain's base, "enum", "array"….
    wire_type: str
    #: Name in the codec registry, "" where no codec can write the type.
    codec: str
    params: Mapping[str, str] = field(default_factory=dict)
    #: One sentence.
    reason: str
    findings: tuple[Finding, ...] = ()


def decide_owned_column(
    facts: ColumnFacts,
    target: TargetType,
    options: OwnedOptions,
    override: ColumnOverride | None = None,
) -> OwnedDecision:
    """
    Return codec, parameters, reason and findings of one column.

    Raises UsageError (C-…) for an override that does not fit the type.
    """
    raise NotImplementedError
