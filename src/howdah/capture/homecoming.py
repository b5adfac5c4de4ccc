"""
Carry rows of PostgreSQL into a SQLite file, table by table, and remember what must be proven and told.

Used for a private copy (after a plain migration) and for the fenced file (after a cutover).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from howdah.capture.home_rows import HomeReader
from howdah.capture.home_values import HomeBatch, HomeTally
from howdah.capture.reversibility import without_computed
from howdah.capture.way_back import NotedTable
from howdah.model.finding_kinds import make_finding, name_table
from howdah.model.findings import Finding
from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.plan import Plan, TablePlan
from howdah.model.quarantine import Cell, SourceKey
from howdah.model.source import SourceCatalog, Table, fold_name
from howdah.model.verb_reports import HomeTableReport
from howdah.names import qualified, quote, quote_literal
from howdah.postgres.arrow_reader import ArrowReader
from howdah.sqlite.home_file import HomeFile
from howdah.sqlite.home_table import Changes, HomeTable


@dataclass
class Home:
    """What one way home knows and has met."""

    plan: Plan
    state_name: str
    catalog: SourceCatalog
    noted: Mapping[str, NotedTable]
    whole: frozenset[int]
    quarantined: Mapping[str, frozenset[str]]
    tally: HomeTally = field(default_factory=HomeTally)
    #: (table, column, key) of values that are known to differ.
    inexact: set[tuple[str, str, tuple[Cell, ...]]] = field(default_factory=set)
    #: Tables without a key that hold such values.
    inexact_keyless: set[str] = field(default_factory=set)
    #: Table → keys of written rows that are compared once more by PostgreSQL.
    written: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    not_twice: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)
    big: set[str] = field(default_factory=set)
    #: Table → keys in quarantine whose rows in the file gave way to rows of PostgreSQL.
    overwritten: dict[str, frozenset[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def is_changed(item: HomeTableReport) -> bool:
    """Whether anything was written to that table."""
    return bool(item.inserted or item.updated or item.deleted)


def write_table(file: HomeFile, reader: ArrowReader, home: Home, plan: TablePlan) -> HomeTableReport:
    """Bring one table up to date: by the noted keys where the journal has them, else by all rows."""
    table = home.catalog.table(plan.name)
    plan = without_computed(plan, table)
    noted = home.noted.get(plan.name)
    home_table = HomeTable(
        table=table,
        columns=tuple(column.name for column in plan.copied_columns),
        # Rows may have come that have NULL in what is a key of all others.
        key=plan.key if noted is None or noted.key else (),
    )
    rows = HomeReader(reader=reader, plan=plan, table=table)
    by_journal = noted is not None and bool(noted.key) and noted.number not in home.whole
    if noted is not None and not noted.key and noted.number not in home.whole:
        return HomeTableReport(name=plan.name, method="unchanged")
    file.begin_table(home_table)
    overwritten = home.overwritten.get(plan.name, frozenset())
    kept = sorted(home.quarantined.get(plan.name, frozenset()) - overwritten)
    file.stage_kept(map(SourceKey.from_text, kept))
    if noted is not None and by_journal:
        dirty = _dirty_name(home, noted)
        match = " AND ".join(f"d.{quote(name)} = t.{quote(name)}" for name in noted.key)
        target_name = qualified(plan.target_schema, plan.target_name)
        columns = ", ".join(quote(name) for name in noted.key)
        for batch in rows.rows(f"JOIN (SELECT DISTINCT {columns} FROM {dirty}) d ON {match}"):
            _stage(file, home, plan, batch)
        gone = (
            f"(SELECT DISTINCT {columns} FROM {dirty} d"
            f" WHERE NOT EXISTS (SELECT FROM {target_name} t WHERE {match})) d"
        )
        for batch in rows.keys(gone):
            file.stage_gone(batch.rows, len(plan.key))
    else:
        for batch in rows.rows():
            _stage(file, home, plan, batch)
    if kept and (places := file.kept_overwritten(home_table)):
        message = f"{len(places)} rows have the key of a row in quarantine"
        home.findings.append(make_finding("F-605", name_table(plan.name), message))
        home.overwritten[plan.name] = overwritten.union(kept[place] for place in places)
    changes = file.apply_some(home_table) if by_journal else file.apply_whole(home_table)
    if home_table.key and changes.any:
        skip = home.not_twice.get(plan.name, set())
        # A row with NULL in its key cannot be asked for by it: the proof alone compares that one.
        home.written[plan.name] = [
            key for key in file.staged_keys(home_table) if key not in skip and None not in key
        ]
    return _table_report(plan, "journal" if by_journal else "all rows", changes)


def _dirty_name(home: Home, noted: NotedTable) -> str:
    return qualified(home.state_name, f"dirty_{noted.number}")


def _table_report(plan: TablePlan, method: str, changes: Changes) -> HomeTableReport:
    return HomeTableReport(
        name=plan.name,
        method=method,
        inserted=changes.inserted,
        updated=changes.updated,
        deleted=changes.deleted,
    )


def _stage(file: HomeFile, home: Home, plan: TablePlan, batch: HomeBatch) -> None:
    names = [column.name for column in plan.copied_columns]
    key_places = [names.index(name) for name in plan.key]
    for value in batch.inexact:
        home.tally.add(plan.name, value)
        key = tuple(batch.rows[value.row][place] for place in key_places)
        home.inexact.add((plan.name, value.column, tuple(map(Cell.of, key))))
        home.not_twice.setdefault(plan.name, set()).add(key)
        if not key:
            home.inexact_keyless.add(plan.name)
    for row in batch.rows:
        if any(isinstance(value, (str, bytes)) and len(value) * 4 > BIG_VALUE_BYTES for value in row):
            home.big.add(plan.name)
            home.not_twice.setdefault(plan.name, set()).add(tuple(row[place] for place in key_places))
    file.stage_rows(batch.rows, len(names))


def write_sequences(file: HomeFile, reader: ArrowReader, home: Home) -> None:
    """Let AUTOINCREMENT go on where PostgreSQL's numbering stands."""
    for plan in home.plan.loaded_tables:
        table = home.catalog.table(plan.name)
        chosen = _sequence_of(home.plan, plan, table) if table.autoincrement else ""
        if not chosen:
            continue
        query = (
            "SELECT coalesce(s.last_value, 0)::bigint FROM pg_catalog.pg_sequences s"
            f" WHERE pg_catalog.format('%I.%I', s.schemaname, s.sequencename)::regclass = {chosen}::regclass"
        )
        for batch in reader.read(query):
            for value in batch.columns[0].to_pylist():
                file.set_sequence(table.name, int(value))


def _sequence_of(plan: Plan, table: TablePlan, source: Table) -> str:
    """Return SQL for the name of the sequence that numbers the rows, "" where none goes forward."""
    if plan.owned is None:
        identity = next((column for column in table.columns if column.identity), None)
        if identity is None:
            return ""
        name = qualified(table.target_schema, table.target_name)
        return (
            f"pg_catalog.pg_get_serial_sequence({quote_literal(name)}, {quote_literal(identity.target_name)})"
        )
    numbered = next((each.target_name for each in table.columns if each.name == source.rowid_alias), None)
    use = (table.target_schema, table.target_name, numbered)
    for sequence in plan.owned.sequences:
        if sequence.increment > 0 and use in [
            (each.schema, each.table, each.column) for each in sequence.uses
        ]:
            return quote_literal(qualified(sequence.schema, sequence.name))
    return ""


def rebuild_search(file: HomeFile, catalog: SourceCatalog, changed: set[str]) -> list[Finding]:
    """Let full-text tables over another table's content read it again; others cannot be helped."""
    if not changed:
        return []
    findings: list[Finding] = []
    for table in catalog.tables:
        if table.kind != "virtual":
            continue
        # One without any content has nothing to read.
        is_search = fold_name(table.module).startswith("fts") and table.content_table
        if is_search and file.rebuild_search_index(table.name):
            continue
        findings.append(
            make_finding("F-606", name_table(table.name), "it is as it was when the file was migrated")
        )
    return findings
