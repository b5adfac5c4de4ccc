"""
Which table and column of the application's schema belongs to which of the source. By name, never by position.

Pure. A name matches exactly; else cut to PostgreSQL's 63 bytes; else without regard to
case, where that is the only one on both sides that folds so; else, where it is asked for, in snake_case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from howdah.model.owned import OwnedFacts, OwnedTable, TableKind
from howdah.model.source import Table, fold_name
from howdah.model.target import TargetColumn
from howdah.names import NAME_BYTES_MAX, snake_case

#: Names of one form belong together.
Form = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class TableMatch:
    source: Table
    target: OwnedTable
    #: Source column → target column.
    columns: Mapping[str, TargetColumn]

    @property
    def source_only(self) -> tuple[str, ...]:
        """Columns of the source without a counterpart."""
        return tuple(column.name for column in self.source.columns if column.name not in self.columns)

    @property
    def target_only(self) -> tuple[TargetColumn, ...]:
        """Columns of the target that no column of the source belongs to."""
        taken = {column.name for column in self.columns.values()}
        return tuple(column for column in self.target.facts.columns if column.name not in taken)


@dataclass(frozen=True, kw_only=True)
class SchemaMatch:
    tables: tuple[TableMatch, ...]
    #: Source tables without a counterpart.
    source_only: tuple[Table, ...]
    #: Target tables that no table of the source belongs to, partitions apart.
    target_only: tuple[OwnedTable, ...]


def match_schema(
    tables: Iterable[Table],
    owned: OwnedFacts,
    wished: Mapping[str, str] | None = None,
    wished_columns: Mapping[str, Mapping[str, str]] | None = None,
    *,
    fold: bool = False,
) -> SchemaMatch:
    """
    Match tables and their columns.

    `wished` names the target of a source table where a person did, `wished_columns` those of columns by
    source table, no target twice; with `fold` names also match the snake_case of the source's.
    """
    tables = tuple(tables)
    targets = {table.name: table for table in owned.tables}
    # A partition is filled through the table that it belongs to, unless the source has it by its very name.
    whole = [table.name for table in owned.tables if table.kind is not TableKind.PARTITION]
    named = {name: wish for name, wish in (wished or {}).items() if wish in targets}
    forms = (_cut, _fold, snake_case) if fold else (_cut, _fold)
    pairs = _match_left([table.name for table in tables], whole, forms, named)
    taken = set(pairs.values())
    return SchemaMatch(
        tables=tuple(
            _match_columns(
                table, targets[pairs[table.name]], (wished_columns or {}).get(table.name, {}), forms
            )
            for table in tables
            if table.name in pairs
        ),
        source_only=tuple(table for table in tables if table.name not in pairs),
        target_only=tuple(targets[name] for name in whole if name not in taken),
    )


def _match_columns(
    source: Table, target: OwnedTable, wished: Mapping[str, str], forms: Sequence[Form]
) -> TableMatch:
    facts = {column.name: column for column in target.facts.columns}
    named = {name: wish for name, wish in wished.items() if wish in facts}
    pairs = _match_left([column.name for column in source.columns], list(facts), forms, named)
    return TableMatch(
        source=source, target=target, columns={name: facts[found] for name, found in pairs.items()}
    )


def _match_left(
    source: Sequence[str], target: Sequence[str], forms: Sequence[Form], named: Mapping[str, str]
) -> dict[str, str]:
    """Match what a person has `named` nothing for; what is named is nobody else's any more."""
    taken = set(named.values())
    left = [name for name in source if name not in named]
    return match_names(left, [name for name in target if name not in taken], forms) | dict(named)


def match_names(source: Collection[str], target: Collection[str], forms: Sequence[Form]) -> dict[str, str]:
    """Return source name → target name for those that belong together; `forms` make names alike, in order."""
    pairs = {name: name for name in source if name in target}
    for alike in forms:
        left_source = [name for name in source if name not in pairs]
        left_target = [name for name in target if name not in pairs.values()]
        by_form: dict[str, list[str]] = {}
        for name in left_target:
            by_form.setdefault(alike(name), []).append(name)
        shapes = [alike(name) for name in left_source]
        for name, form in zip(left_source, shapes, strict=True):
            if shapes.count(form) == 1 and len(by_form.get(form, ())) == 1:
                pairs[name] = by_form[form][0]
    return pairs


def _cut(name: str) -> str:
    """Cut a name as the server does: whole characters within 63 bytes."""
    return name.encode("utf-8", "surrogatepass")[:NAME_BYTES_MAX].decode("utf-8", "ignore")


def _fold(name: str) -> str:
    # Of servers, too, only those with a single-byte encoding fold more than A to Z.
    return fold_name(_cut(name))
