"""
Decide how each table is compared, from the plan, the target's facts and the quarantine. Pure.

What the schema check has already found missing or of another type cannot be read
back as planned: such columns are left out of the comparison of rows, and such
tables too. They are differences all the same, so nothing passes for that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from howdah.codecs.base import EXACT
from howdah.codecs.registry import get_codec
from howdah.model.plan import TablePlan
from howdah.model.quarantine import SourceKey
from howdah.model.report import Difference, ProofStatus, TableProof
from howdah.model.target import TargetTable
from howdah.proof.big_values import BIG_VALUE_CODECS
from howdah.proof.job import Outcome, TableJob
from howdah.proof.sums import BucketSums


def build_table_job(
    table: TablePlan,
    target: TargetTable,
    schema_differences: Iterable[Difference],
    quarantined: Collection[str],
    *,
    encoding: str = "UTF-8",
    source_key: tuple[str, ...] = (),
    target_filter: str = "",
) -> TableJob | None:
    """
    Return what to compare of the table, None where no column of it can be read back.

    `encoding` is the source's: in UTF-16 a text has another length than on the target, so that
    lengths in SQLite do not tell which values are long there. `source_key` are the columns of the
    source's own primary key: by them the quarantine names rows without a rowid. `target_filter` leaves
    rows of the target out that are not the source's.
    """
    unreadable = {
        found.column
        for found in schema_differences
        if found.kind == "column" and found.table == table.name and _changes_values(found)
    }
    # What no codec reads, PostgreSQL computes: such a column cannot be copied either.
    columns = tuple(column.name for column in table.columns if column.codec and column.name not in unreadable)
    if not columns:
        return None
    if not set(table.key) <= set(columns):
        # Without its key a table is compared as the multiset of its rows.
        table = replace(table, key=(), integer_key=False)
    keys = [SourceKey.from_text(text) for text in quarantined]
    big_columns = tuple(name for name in columns if table.column(name).codec in BIG_VALUE_CODECS)
    return TableJob(
        table=table,
        columns=columns,
        quarantined_rowids=frozenset(key.rowid for key in keys if key.rowid is not None),
        quarantined_keys=frozenset(key.text for key in keys if key.rowid is None),
        source_key=source_key if set(source_key) <= set(columns) else (),
        key_nullable=_key_nullable(table, target),
        target_filter=target_filter,
        big_columns=big_columns if table.big_rows or encoding != "UTF-8" else (),
    )


def _changes_values(found: Difference) -> bool:
    return found.target == "missing" or found.detail.startswith("type ")


def _key_nullable(table: TablePlan, target: TargetTable) -> bool:
    key_columns = {table.column(name).target_name for name in table.key}
    return any(column.name in key_columns and not column.not_null for column in target.columns)


def by_ranges(job: TableJob) -> bool:
    """Whether the table is compared by intervals of an integer key that is the rowid."""
    return job.table.integer_key and job.table.rowid_name is not None


def method_of(job: TableJob) -> str:
    """Return the name of the way the table is compared, as `TableProof.method` has it."""
    if by_ranges(job):
        return "integer-ranges"
    return "buckets" if job.table.key else "rows"


def check_counts(job: TableJob, outcome: Outcome) -> list[Difference]:
    """
    Return what the row counts alone contradict.

    Where rows are missing or too many they have been listed one by one; these two
    checks hold even if that listing were wrong.
    """
    name = job.table.name
    differences: list[Difference] = []
    named = len(job.quarantined_rowids) + len(job.quarantined_keys)
    if named != outcome.rows_quarantined:
        differences.append(
            Difference(
                kind="row-count",
                table=name,
                source=f"{outcome.rows_quarantined} of them",
                target=f"{named} rows in quarantine",
                detail="the quarantine names rows that the source does not have",
            )
        )
    arrived, expected = outcome.rows_target, outcome.rows_source - outcome.rows_quarantined
    if arrived != expected and outcome.difference_count == 0:
        differences.append(
            Difference(
                kind="row-count",
                table=name,
                source=f"{expected} rows",
                target=f"{arrived} rows",
                detail="quarantined rows are not counted",
            )
        )
    return differences


def build_table_proof(
    job: TableJob,
    outcome: Outcome,
    *,
    schema_differences: int,
    source: BucketSums | None = None,
    target: BucketSums | None = None,
) -> TableProof:
    """Put together what the pieces of one table found."""
    differences = outcome.difference_count + schema_differences
    return TableProof(
        status=ProofStatus.PROVEN if differences == 0 else ProofStatus.DIFFERENT,
        method=method_of(job),
        rows_source=outcome.rows_source,
        rows_target=outcome.rows_target,
        rows_quarantined=outcome.rows_quarantined,
        digest_source=source.digest() if source is not None else "",
        digest_target=target.digest() if target is not None else "",
        equalities=equalities(job),
        values_by_equality=dict(outcome.equal_by_rule),
        differences=differences,
    )


def equalities(job: TableJob) -> dict[str, str]:
    """Return the columns compared by less than exact equality, with the equality that is kept."""
    kept = {
        name: get_codec(plan.codec).equality_with(plan.params)
        for name in job.columns
        for plan in (job.table.column(name),)
    }
    return {name: equality for name, equality in kept.items() if equality != EXACT}
