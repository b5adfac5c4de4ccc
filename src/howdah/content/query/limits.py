"""How much one request may ask for, and the counter that says when it is too much."""

from __future__ import annotations

from dataclasses import dataclass

from howdah.content.query.faults import invalid
from howdah.content.query.schema import Schemas


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on a request; what Strapi does not bound by itself."""

    #: Entries of a page where the request says nothing.
    default_limit: int = 25
    #: Entries of a page at most; None for no bound.
    max_limit: int | None = None
    #: A list says how many entries there are.
    with_count: bool = True
    #: Levels of populate.
    populate_depth: int = 10
    #: Relations, components and media fields of a request, on all levels.
    populate_count: int = 200
    #: Conditions of a request, on all levels.
    filter_count: int = 200
    #: Levels of relations and operators within filters.
    filter_depth: int = 20


@dataclass(kw_only=True)
class Asking:
    """One request while it is checked: what it may see, and how much it asked for so far."""

    schemas: Schemas
    limits: Limits
    #: Uids whose rows may be found; None for all.
    findable: frozenset[str] | None = None
    filters: int = 0
    populated: int = 0
    #: Relations in filters and sort are followed without asking; users' own queries of files and users.
    trusted: bool = False

    def may_find(self, uid: str) -> bool:
        """Tell whether rows of a type may be in an answer."""
        return self.findable is None or uid in self.findable

    def count_filter(self, depth: int) -> None:
        """Count one condition. Raises RequestFault beyond the limits."""
        self.filters += 1
        if self.filters > self.limits.filter_count:
            raise invalid(f"Too many filters, at most {self.limits.filter_count} are allowed")
        if depth > self.limits.filter_depth:
            raise invalid(
                f"Filters are nested too deeply, at most {self.limits.filter_depth} levels are allowed"
            )

    def count_populated(self, depth: int) -> None:
        """Count one populated field. Raises RequestFault beyond the limits."""
        self.populated += 1
        if self.populated > self.limits.populate_count:
            raise invalid(f"Too many populated fields, at most {self.limits.populate_count} are allowed")
        if depth > self.limits.populate_depth:
            raise invalid(
                f"Populate is nested too deeply, at most {self.limits.populate_depth} levels are allowed"
            )
