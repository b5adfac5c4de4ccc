"""
A checked query: everything in it exists, may be read by whoever asks, and has a value of the right type.

Frozen facts; `request` makes them, `statement` turns them into SQL.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from howdah.content.query.schema import Field


@dataclass(frozen=True, kw_only=True)
class Group:
    """Conditions that hold all ("and") or at least one ("or"); an empty one holds."""

    operator: str
    items: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True)
class Negation:
    item: Condition


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A column against a value; `value` is ready to be sent and has `type`, "" for what needs none."""

    field: Field
    operator: str
    value: Any = None
    type: str = ""


@dataclass(frozen=True, kw_only=True)
class Related:
    """Some row that the field leads to meets the condition; no row counts as one row of NULLs."""

    field: Field
    item: Condition


@dataclass(frozen=True, kw_only=True)
class Search:
    """Some column that is searched holds the words."""

    words: str


Condition = Group | Negation | Comparison | Related | Search

ALWAYS = Group(operator="and", items=())


@dataclass(frozen=True, kw_only=True)
class SortKey:
    """Fields from the root to a scalar, and the direction."""

    path: tuple[Field, ...]
    descending: bool = False


@dataclass(frozen=True, kw_only=True)
class Populated:
    """A relation, component, dynamic zone or media field that is to be in the answer."""

    field: Field
    #: What of the rows behind it; None for dynamic zones and relations to any type.
    selection: Selection | None = None
    #: The same by uid, for dynamic zones and relations to any type.
    selections: Mapping[str, Selection] = dataclasses.field(default_factory=dict)
    #: Only how many.
    count: bool = False


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which rows of one type, in which order, and what of them."""

    uid: str
    #: Scalars by name, without `id`, which is always there.
    fields: tuple[str, ...]
    populated: tuple[Populated, ...] = ()
    condition: Condition = ALWAYS
    sort: tuple[SortKey, ...] = ()
    start: int = 0
    #: None: all.
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a list, and how its place is told."""

    start: int
    #: None: all.
    limit: int | None
    paged: bool
    counted: bool


@dataclass(frozen=True, kw_only=True)
class ReadQuery:
    """A request for entries."""

    selection: Selection
    #: Rows that are not published are meant, at the root and behind relations.
    draft: bool = False
    #: Only documents that have a published version, or that have none; None for all.
    has_published: bool | None = None
    #: None: whatever locale.
    locales: tuple[str, ...] | None = None
