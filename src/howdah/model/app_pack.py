"""
What an application pack says: how an application is recognised, and what its own code expects.

Data alone, read from TOML by `apps.read_pack`. Names of tables and columns are patterns as
in a shell and mean the source's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from howdah.model.owned import RowPolicy


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The application is recognised where all of these are in the source."""

    tables: tuple[str, ...]
    #: "table.column".
    columns: tuple[str, ...] = ()
    #: None of these may be there.
    without_tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableRule:
    #: Patterns over table names.
    tables: tuple[str, ...]
    policy: RowPolicy
    #: For people.
    reason: str


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How the application reads a kind of column; every condition that is set must hold."""

    #: Pattern over "table.column".
    columns: str = "*"
    #: Patterns over the declared type in SQLite, in upper case; () for any.
    declared: tuple[str, ...] = ()
    #: pg_type.typname of the target's column, domains followed to their base; () for any.
    target: tuple[str, ...] = ()
    #: Name in the codec registry; "" keeps the codec that the rules choose.
    codec: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


class CheckKind(StrEnum):
    #: The values of some columns, as a set, are the same on both sides.
    SAME_VALUES = "same-values"
    #: A query on the source gives no row.
    NO_ROWS = "no-rows"


@dataclass(frozen=True, kw_only=True)
class AppCheck:
    kind: CheckKind
    table: str
    columns: tuple[str, ...] = ()
    #: NO_ROWS: SQL condition over the source's table.
    where: str = ""
    #: The migration must not begin where it fails; else it is a warning.
    refuse: bool = False
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class AppPack:
    #: Stable, lower case: "django".
    name: str
    title: str
    #: Any of them is enough.
    signatures: tuple[Signature, ...]
    tables: tuple[TableRule, ...] = ()
    #: Declared type → unit of its integers ("ms").
    epoch_units: Mapping[str, str] = field(default_factory=dict)
    conversions: tuple[Conversion, ...] = ()
    checks: tuple[AppCheck, ...] = ()
    #: Settings that the new deployment must have with the same values, for people.
    secrets: tuple[str, ...] = ()
    #: What lies outside the database and must be carried by hand, for people.
    outside: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    #: "module:function", called with pack, source catalog and target's tables; gives further `Conversion`s,
    #: for what data cannot say. "" for none.
    hook: str = ""
    #: Where it comes from: "howdah", or the distribution that ships it.
    origin: str = "howdah"


@dataclass(frozen=True, kw_only=True)
class CheckAnswer:
    """What both sides said to one check."""

    check: AppCheck
    #: SAME_VALUES: rows that only the source, only the target has; NO_ROWS: rows of the source.
    source_only: tuple[str, ...] = ()
    target_only: tuple[str, ...] = ()
    #: A side that could not be asked, for people; "" when both could.
    unanswered: str = ""
