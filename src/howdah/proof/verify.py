"""
Prove that the target holds what the plan makes of the source, or say where it does not.

Reads every row of every planned table from both sides and the whole schema. Changes
nothing. The target is read in one exported snapshot, so that all readers, in
whatever process, see one state of it; the source is a snapshot file.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from howdah.errors import IntegrityError
from howdah.model.plan import Plan, StepKind, TablePlan
from howdah.model.report import Difference, ProofStatus, TableProof
from howdah.model.source import Snapshot, SourceCatalog
from howdah.model.target import TargetFacts
from howdah.names import qualified, quote
from howdah.postgres.catalog import read_target_facts
from howdah.postgres.connect import Connection, connect
from howdah.postgres.owned_catalog import read_foreign_keys, read_sequences, read_triggers
from howdah.process.progress import NullProgress, Progress
from howdah.proof.buckets import list_buckets
from howdah.proof.job import Outcome, ProofJob, TableJob
from howdah.proof.memory import NoMemory, PieceName, ProofMemory
from howdah.proof.owned_rows import build_filter, check_kept_rows, read_aside, read_saved_places
from howdah.proof.owned_schema import OwnedNow, check_owned_schema
from howdah.proof.owned_sequences import check_owned_sequences
from howdah.proof.pieces import RANGE_BYTES, Piece, PieceResult, RangePiece, SumPiece, running, split_range
from howdah.proof.readers import Readers
from howdah.proof.result import Proof
from howdah.proof.schema import KnownGaps, check_schema, find_table
from howdah.proof.sequences import check_sequences
from howdah.proof.sides import KeyRange, count_source_rows, read_key_bounds, read_largest_key
from howdah.proof.sums import BucketSums, choose_bucket_count
from howdah.proof.tables import build_table_job, build_table_proof, by_ranges, check_counts

#: Differences of one table that are listed; all are counted.
LISTED_MAX = 100


@dataclass
class _TableState:
    """What the pieces of one table have found so far."""

    job: TableJob
    #: In the order in which the pieces were done.
    results: list[PieceResult] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    sums: dict[str, BucketSums] = field(default_factory=dict)


def verify(
    plan: Plan,
    catalog: SourceCatalog,
    snapshot: Snapshot | str,
    conninfo: str,
    *,
    quarantined: Mapping[str, Collection[str]] | None = None,
    expected_not_valid: Collection[str] = (),
    expected_missing: Collection[str] = (),
    jobs: int = 1,
    progress: Progress | None = None,
    key: bytes | None = None,
    listed_max: int = LISTED_MAX,
    exported: tuple[Connection, str] | None = None,
    memory: ProofMemory | None = None,
) -> Proof:
    """
    Compare everything and return what was found; a difference is a result, not an error.

    `quarantined` gives by source table the `SourceKey.text` of the rows set aside: they must be in
    the source and not in the target. `expected_not_valid` and `expected_missing` are ids of steps whose
    constraint is NOT VALID, or whose object was refused by the server, by a finding of the run.
    `key` is the key of the row hashes (up to 64 bytes), random by default. `exported` is a connection
    in a transaction whose snapshot it has exported, with that snapshot's name, for a caller who
    wants the target compared as it was at that moment. What `memory` has is not compared again.

    Raises EnvironmentFailedError where a side cannot be read to its end, IntegrityError where the
    source or an index of the target is damaged.
    """
    began = time.monotonic()
    path = snapshot if isinstance(snapshot, str) else snapshot.path
    quarantined = quarantined or {}
    known = KnownGaps(not_valid=frozenset(expected_not_valid), missing=frozenset(expected_missing))
    with nullcontext(exported) if exported else exported_snapshot(conninfo) as (connection, snapshot_id):
        facts = read_target_facts(connection, plan.options.schema)
        now = _read_owned(connection, plan)
        if plan.owned is not None:
            schema = check_owned_schema(plan, plan.owned, facts, now, known)
        else:
            schema = check_schema(plan, facts, read_type_names(connection, plan), known, now.triggers)
        saved = read_saved_places(connection, plan)
        proof = ProofJob(
            source_path=path,
            conninfo=conninfo,
            snapshot_id=snapshot_id,
            hash_key=key if key is not None else secrets.token_bytes(32),
            listed_max=listed_max,
        )
        states = _build_states(plan, catalog, facts, schema, quarantined, saved)
        with Readers(proof) as readers:
            _compare_rows(readers, states, jobs, progress or NullProgress(), memory or NoMemory())
            for state in states.values():
                _check_counts(readers, state)
            largest = {
                table.name: _read_largest_key(connection, readers, facts, table) for table in plan.tables
            }
        if plan.owned is not None:
            schema += check_owned_sequences(connection, plan, catalog, plan.owned, now)
            for name, place in saved.items():
                schema += check_kept_rows(connection, plan.table(name), plan.owned, place)
        else:
            schema += check_sequences(plan, catalog, facts, largest)
    return Proof(
        tables=_build_table_proofs(plan, states, schema),
        differences=(*schema, *(found for state in states.values() for found in state.outcome.differences)),
        difference_count=len(schema) + sum(state.outcome.difference_count for state in states.values()),
        seconds=time.monotonic() - began,
        snapshot_sha256="" if isinstance(snapshot, str) else snapshot.sha256,
    )


@contextmanager
def exported_snapshot(conninfo: str, *, writing: bool = False) -> Iterator[tuple[Connection, str]]:
    """
    Open a transaction and export its snapshot for as long as it stays open.

    It may write where the caller wants to, say, fill a temporary table and compare.
    """
    with connect(conninfo, application_name="howdah verify", autocommit=True) as connection:
        access = "READ WRITE" if writing else "READ ONLY"
        connection.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ, {access}")
        row = connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
        assert row is not None
        yield connection, row[0]


def _read_owned(connection: Connection, plan: Plan) -> OwnedNow:
    """Read what the check of the schema wants beside the tables; of tables that are ours the triggers."""
    schema = plan.options.schema
    if plan.owned is None:
        made = any(step.kind is StepKind.TRIGGER for step in plan.steps)
        triggers = read_triggers(connection, schema) if made else ()
        return OwnedNow(triggers=triggers, foreign_keys=(), sequences=())
    return OwnedNow(
        triggers=read_triggers(connection, schema),
        foreign_keys=read_foreign_keys(connection, schema),
        sequences=read_sequences(connection, schema),
        aside=read_aside(connection, plan.owned) if plan.options.defer_foreign_keys else frozenset(),
    )


def read_type_names(connection: Connection, plan: Plan) -> dict[str, str]:
    """Ask the server how it prints each type that a plan writes, modifiers included."""
    written = sorted({column.type for table in plan.tables for column in table.columns})
    if not written:
        return {}
    # A type's modifiers are not part of regtype; those of a result column are.
    described = connection.execute("SELECT " + ", ".join(f"NULL::{name}" for name in written)).pgresult
    assert described is not None
    kinds = [(described.ftype(column), described.fmod(column)) for column in range(len(written))]
    printed = connection.execute(
        "SELECT pg_catalog.format_type(oid, modifier)"
        " FROM ROWS FROM (pg_catalog.unnest(%s::pg_catalog.oid[]), pg_catalog.unnest(%s::pg_catalog.int4[]))"
        " WITH ORDINALITY AS described (oid, modifier, position) ORDER BY position",
        ([oid for oid, _ in kinds], [modifier for _, modifier in kinds]),
    ).fetchall()
    return dict(zip(written, (name for (name,) in printed), strict=True))


def _build_states(
    plan: Plan,
    catalog: SourceCatalog,
    facts: TargetFacts,
    schema: Sequence[Difference],
    quarantined: Mapping[str, Collection[str]],
    saved: Mapping[str, str],
) -> dict[str, _TableState]:
    states: dict[str, _TableState] = {}
    for table in plan.tables:
        if not table.loaded:
            continue
        target = find_table(facts, table)
        job = (
            build_table_job(
                table,
                target,
                schema,
                quarantined.get(table.name, ()),
                encoding=catalog.encoding,
                source_key=catalog.table(table.name).naming_columns,
                target_filter=build_filter(table, saved[table.name]) if table.name in saved else "",
            )
            if target is not None
            else None
        )
        if job is not None:
            states[table.name] = _TableState(job)
    return states


def _compare_rows(
    readers: Readers,
    states: Mapping[str, _TableState],
    jobs: int,
    progress: Progress,
    memory: ProofMemory,
) -> None:
    listed_max = readers.proof.listed_max
    recalled = memory.recall()
    pieces = [piece for state in states.values() for piece in _left_to_do(readers, state, recalled)]
    with running(readers, pieces, jobs) as results:
        for result in results:
            state = states[result.table]
            state.results.append(result)
            _keep_done(memory, state, result, listed_max)
            rows, table = result.outcome.rows_source, state.job.table
            progress.advance(table.name, rows, table.bytes * rows // max(1, table.rows))
    for state in states.values():
        for result in sorted(state.results, key=lambda result: result.place):
            state.outcome.add(result.outcome, listed_max)
            if result.sums is not None:
                state.sums[result.side] = result.sums
        if state.sums:
            listed = list_buckets(readers, state.job, state.sums["source"], state.sums["target"])
            state.outcome.add(listed, listed_max)


def _left_to_do(
    readers: Readers, state: _TableState, recalled: Mapping[PieceName, Outcome]
) -> Iterator[Piece]:
    """Yield the pieces of a table that are not done; take over what is known of the others."""
    for piece in _split_table(readers, state.job):
        known = recalled.get(piece.name)
        if known is None:
            yield piece
        elif not isinstance(piece, SumPiece) or piece.side == "source":
            # Of a table that is compared by sums one outcome speaks for both sides.
            place = 0 if isinstance(piece, SumPiece) else piece.place
            state.results.append(PieceResult(table=piece.name.table, outcome=known, place=place))


def _keep_done(memory: ProofMemory, state: _TableState, result: PieceResult, listed_max: int) -> None:
    if result.sums is None:
        memory.keep(result.name, result.outcome)
        return
    sides = {each.side: each for each in state.results if each.sums is not None}
    if len(sides) < 2:
        return
    source, target = sides["source"].sums, sides["target"].sums
    assert source is not None
    assert target is not None
    if len(source.differing(target)) == 0:
        both = Outcome()
        for each in sides.values():
            both.add(each.outcome, listed_max)
        memory.keep(result.name, both)


def _check_counts(readers: Readers, state: _TableState) -> None:
    counted = count_source_rows(readers, state.job.table)
    if counted != state.outcome.rows_source:
        raise IntegrityError(
            "V-202",
            f'table "{state.job.table.name}" of the source does not give all of its rows',
            detail=f"SQLite counts {counted} rows, reading gave {state.outcome.rows_source}.",
            hint="Check the source file with PRAGMA integrity_check.",
        )
    for found in check_counts(state.job, state.outcome):
        state.outcome.count(found, readers.proof.listed_max)


def _split_table(readers: Readers, job: TableJob) -> Sequence[SumPiece | RangePiece]:
    table = job.table
    if not by_ranges(job):
        buckets = choose_bucket_count(table.rows)
        return [
            SumPiece(job=job, side="source", bucket_count=buckets, weight=table.bytes),
            SumPiece(job=job, side="target", bucket_count=buckets, weight=table.bytes),
        ]
    parts = max(1, table.bytes // RANGE_BYTES)
    bounds = read_key_bounds(readers, table) if parts > 1 else None
    ranges = split_range(bounds[0], bounds[1], parts) if bounds is not None else [KeyRange()]
    return [
        RangePiece(job=job, keys=keys, place=place, weight=table.bytes // len(ranges))
        for place, keys in enumerate(ranges)
    ]


def _read_largest_key(
    connection: Connection, readers: Readers, facts: TargetFacts, table: TablePlan
) -> int | None:
    """Return the largest value on either side of the table's identity column, None without one."""
    target = find_table(facts, table)
    identity = next((column for column in table.columns if column.identity), None)
    if target is None or identity is None:
        return None
    found = [read_largest_key(readers, table, identity)]
    if any(column.name == identity.target_name for column in target.columns):
        row = connection.execute(
            f"SELECT pg_catalog.max({quote(identity.target_name)})"
            f" FROM {qualified(table.target_schema, table.target_name)}"
        ).fetchone()
        found.append(row[0] if row is not None else None)
    # A key that is no integer any more is a difference of its column's type.
    return max((key for key in found if isinstance(key, int)), default=None)


def _build_table_proofs(
    plan: Plan, states: Mapping[str, _TableState], schema: Sequence[Difference]
) -> dict[str, TableProof]:
    proofs: dict[str, TableProof] = {}
    for table in plan.tables:
        if not table.loaded:
            continue
        state = states.get(table.name)
        in_schema = sum(found.table == table.name for found in schema)
        if state is None:
            proofs[table.name] = TableProof(status=ProofStatus.DIFFERENT, differences=in_schema)
            continue
        proofs[table.name] = build_table_proof(
            state.job,
            state.outcome,
            schema_differences=in_schema,
            source=state.sums.get("source"),
            target=state.sums.get("target"),
        )
    return proofs
