"""Plans for tests: from a script to a SQLite file, to facts, to a plan, to a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from howdah.model.census import Census
from howdah.model.plan import Plan, PlanOptions, Step, StepKind
from howdah.model.source import SourceCatalog
from howdah.model.target import TargetFacts
from howdah.planning.build import build_plan
from howdah.planning.edits import PlanEdits
from howdah.sqlite.catalog import read_catalog
from howdah.sqlite.census import take_census
from howdah.sqlite.connect import open_snapshot
from support.files import make_database


@dataclass(frozen=True)
class Facts:
    path: Path
    catalog: SourceCatalog
    census: Census

    def plan(
        self,
        options: PlanOptions | None = None,
        edits: PlanEdits | None = None,
        target: TargetFacts | None = None,
    ) -> Plan:
        return build_plan(self.catalog, self.census, options or PlanOptions(), target, edits)


def read_facts(path: Path) -> Facts:
    """Read catalog and census of a file that nobody else has open."""
    connection = open_snapshot(str(path))
    try:
        catalog = read_catalog(connection, str(path))
    finally:
        connection.close()
    tables = [table for table in catalog.tables if table.kind == "table"]
    return Facts(path=path, catalog=catalog, census=take_census(str(path), tables))


def facts_of(directory: Path, script: str, rows: tuple[tuple[str, tuple[Any, ...]], ...] = ()) -> Facts:
    """Make a SQLite file from a script and read its facts."""
    return read_facts(make_database(directory / "app.db", script, rows))


def codes(plan: Plan) -> set[str]:
    return {finding.code for finding in plan.findings}


def steps_of(plan: Plan, kind: StepKind) -> list[Step]:
    return [step for step in plan.steps if step.kind is kind]


def apply_plan(plan: Plan, conninfo: str) -> None:
    """Run every step with SQL on a server; each must be taken."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for step in plan.steps:
            if step.sql:
                connection.execute(step.sql.encode())
