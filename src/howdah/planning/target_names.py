"""
What everything is called in PostgreSQL: exactly as in SQLite, as the plan file says, or folded.

Pure. A name that PostgreSQL cannot hold gets the nearest one that it can, and a finding. Names that a
person asks to be folded and that would become one are refused together, before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from howdah.errors import RefusedError, UsageError
from howdah.model.finding_kinds import make_finding, name_column, name_table
from howdah.model.findings import Finding
from howdah.model.plan import PlanOptions
from howdah.model.source import SourceCatalog, Table
from howdah.names import Namespace, assign_column_names, assign_names, snake_case
from howdah.planning.design import Names
from howdah.planning.edits import PlanEdits


def name_relations(
    catalog: SourceCatalog, tables: tuple[Table, ...], options: PlanOptions, edits: PlanEdits | None
) -> tuple[Names, dict[str, str], list[Finding]]:
    """
    Name tables and views first: constraints and indexes give way to them.

    Returns the names taken, the target name of each table, and findings for those that had to change.
    Raises UsageError P-106 where the plan file gives one name twice, RefusedError P-310 where folding does.
    """
    wished = wished_tables(options, edits)
    chosen = [table.name for table in tables]
    views = [view.name for view in catalog.views]
    indexes = [index.name for table in tables for index in table.indexes if index.origin == "create"]
    if options.fold_names:
        _require_distinct(catalog, tables, indexes, wished, edits)
    usual = assign_names(fold(name, options) for name in [*chosen, *views])
    # What a file says because it was written so is nobody's wish, and is told like any other change.
    wished = {name: wish for name, wish in wished.items() if usual.get(fold(name, options)) != wish}
    wanted = [wished.get(name, fold(name, options)) for name in chosen]
    require_no_wish_twice(wanted, "tables", "each table")
    folded_views = {view: fold(view, options) for view in views}
    assigned = assign_names([*wanted, *folded_views.values()])
    targets = {name: assigned[want] for name, want in zip(chosen, wanted, strict=True)}
    targets_of_views = {view: assigned[want] for view, want in folded_views.items()}
    findings = [
        make_finding("F-121", name_table(name), f'becomes table "{target}" in PostgreSQL')
        for name, target in targets.items()
        if target not in (name, wished.get(name))
    ]
    findings += [
        make_finding("F-121", f'view "{name}"', f'becomes view "{target}" in PostgreSQL')
        for name, target in targets_of_views.items()
        if target != name
    ]
    names = Names(
        relations=Namespace(assigned.values()),
        constraints={},
        views=targets_of_views,
        fold=options.fold_names,
    )
    return names, targets, findings


def name_columns(
    table: Table, options: PlanOptions, wished: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """
    Return the target name of each column; `wished` are those that the plan file gives.

    Raises UsageError P-106 where the plan file gives one name twice.
    """
    folded = {column.name: fold(column.name, options) for column in table.columns}
    usual = assign_column_names(folded.values())
    wished = {name: wish for name, wish in wished.items() if usual[folded[name]] != wish}
    wanted = folded | wished
    require_no_wish_twice(list(wanted.values()), f'columns of table "{table.name}"', "each column")
    assigned = assign_column_names(wanted.values())
    targets = {name: assigned[want] for name, want in wanted.items()}
    findings = [
        make_finding("F-121", name_column(table.name, name), f'becomes column "{target}" in PostgreSQL')
        for name, target in targets.items()
        if target not in (name, wished.get(name))
    ]
    return targets, findings


def fold(name: str, options: PlanOptions) -> str:
    """Return the name to ask for in PostgreSQL."""
    return snake_case(name) if options.fold_names else name


def wished_tables(options: PlanOptions, edits: PlanEdits | None) -> dict[str, str]:
    """Return the target names that the plan file gives to tables, by source name."""
    return {
        name: edit.target_name
        for name, edit in (edits.tables.items() if edits else ())
        if edit.target_name is not None and not _unfolded(name, edit.target_name, options, edits)
    }


def wished_columns(edits: PlanEdits | None, table: str) -> dict[str, str]:
    """Return the target names that the plan file gives to columns of a table, by source name."""
    edit = edits.tables.get(table) if edits else None
    return {
        name: column.target_name
        for name, column in (edit.columns.items() if edit else ())
        if column.target_name is not None
    }


def _unfolded(name: str, target_name: str, options: PlanOptions, edits: PlanEdits | None) -> bool:
    """Whether the file has the name only because it was written without folding, which is now asked for."""
    return (
        options.fold_names
        and edits is not None
        and edits.options.get("fold_names") is False
        and target_name == name
    )


def require_no_wish_twice(wanted: Sequence[str], what: str, each: str) -> None:
    """Raise UsageError P-106 where two objects are to have one name."""
    doubled = {name for name in wanted if wanted.count(name) > 1}
    if doubled:
        raise UsageError(
            "P-106",
            f'two {what} would be called "{min(doubled)}"',
            hint=f"Give {each} its own target_name in the plan file.",
        )


def _require_distinct(
    catalog: SourceCatalog,
    tables: tuple[Table, ...],
    indexes: Iterable[str],
    wished: Mapping[str, str],
    edits: PlanEdits | None,
) -> None:
    relations = [
        *((name_table(table.name), wished.get(table.name, snake_case(table.name))) for table in tables),
        *((f'view "{view.name}"', snake_case(view.name)) for view in catalog.views),
        *((f'index "{index}"', snake_case(index)) for index in indexes),
    ]
    collisions = _find_collisions(relations)
    for table in tables:
        names = wished_columns(edits, table.name)
        collisions += _find_collisions(
            (name_column(table.name, column.name), names.get(column.name, snake_case(column.name)))
            for column in table.columns
        )
    for view in catalog.views:
        collisions += _find_collisions(
            (name_column(view.name, column), snake_case(column)) for column in dict.fromkeys(view.columns)
        )
    if collisions:
        raise RefusedError(
            "P-310",
            "names that SQLite tells apart would be one in snake_case; nothing was written",
            detail="; ".join(collisions) + ".",
            hint="Give them a target_name in the plan file (howdah plan SOURCE -o plan.toml, without"
            " --fold-names), or migrate without --fold-names, which keeps every name.",
        )


def _find_collisions(wanted: Iterable[tuple[str, str]]) -> list[str]:
    """Say, for each target name that several objects want, which do."""
    by_target: dict[str, list[str]] = {}
    for what, target in wanted:
        by_target.setdefault(target, []).append(what)
    return [
        f'{" and ".join(objects)} would all be "{target}"'
        if len(objects) > 2
        else f'{" and ".join(objects)} would both be "{target}"'
        for target, objects in by_target.items()
        if len(objects) > 1
    ]
