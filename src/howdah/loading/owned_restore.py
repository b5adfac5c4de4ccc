"""
Put constraints and triggers back, after everything is set aside that a foreign key cannot hold.

The server checks every other constraint while rows are copied. Foreign keys are checked here, all
of them again and again until none is violated: a row that is set aside may have been
somebody's parent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from psycopg import sql

from howdah.errors import RefusedError
from howdah.loading.copy_statement import compose_table
from howdah.loading.job import LoadJob
from howdah.loading.owned_orphans import compose_owned_orphans, count_owned_orphans
from howdah.loading.owned_prepare import owned_plan, put_interims_back
from howdah.loading.set_aside import set_aside_target_rows
from howdah.model.finding_kinds import make_finding
from howdah.model.owned import KEPT_COLUMN, OwnedForeignKey
from howdah.model.plan import Step, TablePlan
from howdah.names import quote
from howdah.state.ledger import StepOutcome
from howdah.state.saved import SavedState
from howdah.state.store import Connection


def run_restore_step(connection: Connection, job: LoadJob, step: Step) -> StepOutcome:
    """
    Set orphans aside, then put back what is out of the way, in the caller's transaction.

    Raises RefusedError where rows that the run must not touch would violate a foreign key.
    """
    saved = SavedState(state=job.state, run_id=job.run_id)
    owned = owned_plan(job)
    moved: Counter[str] = Counter()
    changed = True
    while changed:
        changed = False
        for key in owned.foreign_keys:
            count = _set_orphans_aside(connection, job, saved, key) if key.enforced else 0
            if count:
                moved[f'foreign key "{key.name}" of table "{key.table}"'] += count
                changed = True
    put_interims_back(connection, saved)
    findings = tuple(
        make_finding(
            "F-912",
            name,
            f"{count} rows that it cannot hold went to quarantine.",
        )
        for name, count in moved.items()
    )
    return StepOutcome(step_id=step.id, rows_quarantined=sum(moved.values()), findings=findings)


def _set_orphans_aside(connection: Connection, job: LoadJob, saved: SavedState, key: OwnedForeignKey) -> int:
    orphans = compose_owned_orphans(key)
    count, samples = count_owned_orphans(connection, key)
    if not count:
        return 0
    child = _find_loaded(job, key)
    if child is None:
        if not key.validated:
            # They were allowed before, and the constraint is NOT VALID again.
            return 0
        raise _strangers(key, count, samples)
    detail = f'SQLSTATE 23503: foreign key "{key.name}" refers to table "{key.parent_table}".'
    gone = _let_kept_rows_give_way(connection, saved, child, orphans) if child.merge_key else 0
    if gone == count:
        return gone
    places = sql.SQL("SELECT c.tableoid, c.ctid FROM {}").format(orphans)
    return gone + set_aside_target_rows(
        connection, job, child, places, reason=_reason(job, connection, key), detail=detail
    )


def _reason(job: LoadJob, connection: Connection, key: OwnedForeignKey) -> str:
    parents = [
        table.name
        for table in job.plan.tables
        if (table.target_schema, table.target_name) == (key.parent_schema, key.parent_table)
    ]
    quarantined = job.quarantine.keys(connection)
    return "parent-quarantined" if any(name in quarantined for name in parents) else "parent-missing"


def _find_loaded(job: LoadJob, key: OwnedForeignKey) -> TablePlan | None:
    for table in job.plan.tables:
        if (table.target_schema, table.target_name) == (key.schema, key.table) and table.loaded:
            return table
    return None


def _let_kept_rows_give_way(
    connection: Connection, saved: SavedState, child: TablePlan, orphans: sql.Composed
) -> int:
    """Take rows of the target that stayed, and now lack their parent, out again; they are saved."""
    place = saved.table(connection, child.target_schema, child.target_name)
    same = sql.SQL(" AND ").join(
        sql.SQL("s.{0} = t.{0}").format(sql.Identifier(name)) for name in child.merge_key
    )
    key = sql.SQL(", ").join(sql.Identifier("c", name) for name in child.merge_key)
    names = sql.SQL(", ").join(sql.Identifier("t", name) for name in child.merge_key)
    row = connection.execute(
        sql.SQL(
            "WITH given AS (DELETE FROM {table} AS t USING {saved} AS s WHERE s.{kept} AND {same}"
            " AND ({names}) IN (SELECT {key} FROM {orphans}) RETURNING {names}),"
            " marked AS (UPDATE {saved} AS s SET {kept} = false FROM given AS t WHERE {same} RETURNING 1)"
            " SELECT count(*) FROM marked"
        ).format(
            table=compose_table(child),
            saved=saved.locate(place),
            kept=sql.Identifier(KEPT_COLUMN),
            same=same,
            names=names,
            key=key,
            orphans=orphans,
        )
    ).fetchone()
    assert row is not None
    saved.count_kept(connection, place, place.rows_kept - row[0])
    return int(row[0])


def _strangers(key: OwnedForeignKey, count: int, samples: Sequence[str]) -> RefusedError:
    return RefusedError(
        "M-203",
        f"Table {quote(key.table)} keeps its rows, and they refer to rows that the source does not have.",
        detail=f'{count} rows violate foreign key "{key.name}", e.g. {", ".join(samples)}.'
        " Everything is as it was before.",
        hint=f"Keep or merge table {quote(key.parent_table)}, or replace {quote(key.table)} too.",
    )
