"""Read what application packs ask of both sides, and turn it into rules for the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import apsw
import psycopg
from psycopg import sql

from howdah.apps.apply import build_rules
from howdah.apps.recognise import recognise
from howdah.apps.registry import read_packs
from howdah.model.app_pack import AppCheck, AppPack, CheckAnswer, CheckKind
from howdah.model.findings import Finding
from howdah.model.owned import OwnedFacts
from howdah.model.report import Difference
from howdah.model.source import SourceCatalog, fold_name
from howdah.names import quote_sqlite
from howdah.ops.missing_labels import find_missing_labels
from howdah.ops.source_facts import SourceFacts
from howdah.planning.owned import NO_RULES, AppRules
from howdah.postgres.connect import Connection
from howdah.sqlite.connect import Connection as SourceConnection
from howdah.sqlite.connect import open_snapshot

#: Rows of the source that a check reads at the most.
_ROWS_MAX = 100_000


def read_app_rules(facts: SourceFacts, connection: Connection, owned: OwnedFacts | None) -> AppRules:
    """
    Return what the packs of the recognised applications say; reads both sides, writes nothing.

    Without tables in the target there is nothing to say. Raises UsageError A-… for a pack
    that cannot be read.
    """
    if owned is None:
        return NO_RULES
    catalog = facts.catalog
    packs = recognise(catalog, read_packs())
    source = open_snapshot(facts.snapshot.path)
    try:
        answers = [
            _ask(check, facts, source, connection, owned)
            for pack in packs
            for check in _checks(pack, catalog)
        ]
        missing_labels = find_missing_labels(catalog, source, owned)
    finally:
        source.close()
        connection.rollback()
    rules = build_rules(packs, catalog, owned, answers)
    return replace(rules, findings=(*rules.findings, *missing_labels))


def find_refusals(findings: Iterable[Finding]) -> tuple[Difference, ...]:
    """Return as differences what keeps a migration from beginning, such as unlike migration histories."""
    return tuple(
        Difference(
            kind="table",
            table=finding.object.removeprefix('table "').removesuffix('"'),
            source="the same on both sides",
            target="not the same",
            detail=finding.message,
        )
        for finding in findings
        if finding.code == "F-702"
    )


def _checks(pack: AppPack, catalog: SourceCatalog) -> list[AppCheck]:
    """Return the checks of tables that the source has: a pack may speak of optional ones."""
    known = {fold_name(table.name) for table in catalog.tables}
    return [check for check in pack.checks if fold_name(check.table) in known]


def _ask(
    check: AppCheck, facts: SourceFacts, source: SourceConnection, connection: Connection, owned: OwnedFacts
) -> CheckAnswer:
    name = facts.catalog.table(check.table).name
    table = quote_sqlite(name)
    try:
        if check.kind is CheckKind.NO_ROWS:
            # The condition is the pack's own SQL, as a view's or an index's is the application's.
            found = source.execute(f"SELECT 1 FROM {table} WHERE {check.where} LIMIT {_ROWS_MAX}").fetchall()
            return CheckAnswer(check=check, source_only=(f"{len(found)} rows",) if found else ())
        listed = ", ".join(map(quote_sqlite, check.columns))
        stored = source.execute(f"SELECT DISTINCT {listed} FROM {table} LIMIT {_ROWS_MAX}").fetchall()
    except apsw.Error as error:
        return CheckAnswer(check=check, unanswered=f"the source could not be asked: {error}")
    if name not in {one.name for one in owned.tables}:
        return CheckAnswer(check=check, unanswered=f'the target has no table "{name}"')
    query = sql.SQL("SELECT DISTINCT {} FROM {}").format(
        sql.SQL(", ").join(
            sql.SQL("{}::pg_catalog.text").format(sql.Identifier(column)) for column in check.columns
        ),
        sql.Identifier(owned.schema, name),
    )
    try:
        kept = connection.execute(query).fetchall()
    except psycopg.ProgrammingError as error:
        connection.rollback()
        said = error.diag.message_primary
        return CheckAnswer(check=check, unanswered=f"the target could not be asked: {said}")
    mine = {_show(row) for row in stored}
    theirs = {_show(row) for row in kept}
    return CheckAnswer(
        check=check, source_only=tuple(sorted(mine - theirs)), target_only=tuple(sorted(theirs - mine))
    )


def _show(row: tuple[object, ...]) -> str:
    return " ".join("NULL" if value is None else str(value) for value in row)
