"""
Execute what was translated on both sides; what answers otherwise goes, with a finding that has both texts.

Runs after everything else is there, on the load's own connection: the rows may not be committed yet.
On PostgreSQL each question runs in a savepoint that is always rolled back, with a time limit, and
not with a superuser's rights where the connection has them.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, cast

import psycopg
from psycopg import sql

from howdah.errors import DifferenceError
from howdah.loading.answer_values import source_cells, target_cells, target_expression
from howdah.loading.job import LoadJob
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.plan import Comparison, Step
from howdah.postgres.errors import is_of_the_moment
from howdah.sqlite.answers import NotAnsweredError, Questions, open_questions
from howdah.state.ledger import StepOutcome
from howdah.state.store import Connection

#: Seconds that one question may take on either side.
SECONDS_PER_QUESTION = 30.0
_CHUNK_ROWS = 2000
#: Rows held to compare floating point numbers, whose last digits depend on the order of a sum.
_HELD_ROWS_MAX = 100_000
_TOLERANCE = 1e-11

_Row = tuple[Any, ...]


@dataclass
class _Answer:
    """The rows of one side: how many, the sum of their hashes, and the first of them."""

    rows: int = 0
    digest: int = 0
    held: list[_Row] = field(default_factory=list)

    def add(self, row: _Row) -> None:
        """Count a row in."""
        self.rows += 1
        content = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        self.digest = (self.digest + int.from_bytes(content, "big")) % 2**128
        if len(self.held) < _HELD_ROWS_MAX:
            self.held.append(row)


class _TargetFailedError(Exception):
    """PostgreSQL could not compute the answer."""


class _NotThereError(Exception):
    """The object was not built, or went with another one."""


def run_comparison_step(connection: Connection, job: LoadJob, step: Step) -> StepOutcome:
    """Ask every question of the step in the caller's transaction; remove what is answered otherwise."""
    started = time.monotonic()
    findings: list[Finding] = []
    removed: list[str] = []
    quarantined = job.quarantine.keys(connection)
    try:
        with open_questions(
            job.snapshot_path, job.catalog, quarantined, seconds=SECONDS_PER_QUESTION
        ) as questions:
            for comparison in step.comparisons:
                finding = _compare(connection, questions, comparison, removed)
                if finding is not None:
                    findings.append(finding)
    except NotAnsweredError as reason:
        findings = [_not_compared(comparison, str(reason)) for comparison in step.comparisons]
    return StepOutcome(
        step_id=step.id,
        seconds=time.monotonic() - started,
        findings=tuple(findings),
        removed=tuple(removed),
    )


def _compare(
    connection: Connection, questions: Questions, comparison: Comparison, removed: list[str]
) -> Finding | None:
    if comparison.step_id in removed:
        return None
    ours, theirs = _Answer(), _Answer()
    try:
        for row in _ask_source(questions, comparison):
            ours.add(row)
    except NotAnsweredError as reason:
        return _not_compared(comparison, str(reason))
    try:
        for row in _ask_target(connection, comparison):
            theirs.add(row)
    except _NotThereError:
        return None
    except psycopg.errors.QueryCanceled:
        return _not_compared(comparison, f"PostgreSQL took longer than {SECONDS_PER_QUESTION:.0f} s")
    except (_TargetFailedError, DifferenceError) as failure:
        if not comparison.step_id.startswith("view:"):
            # Some row cannot be computed there: the constraint is NOT VALID, and said to be.
            return None
        difference = f"PostgreSQL fails: {failure}"
    else:
        if (ours.rows, ours.digest) == (theirs.rows, theirs.digest) or _equal_nearly(
            comparison, ours, theirs
        ):
            return None
        if comparison.changing:
            return _not_compared(comparison, "its answer changes with the moment, or by chance")
        difference = _describe_difference(ours, theirs)
    # Whatever reads it goes with it, and is told of by name.
    connection.execute(cast("Any", comparison.drop_sql))
    removed += [comparison.step_id, *comparison.dependants]
    gone = ", ".join(comparison.dependants)
    return make_finding(
        "F-905",
        comparison.object,
        "It answered otherwise than in SQLite and was removed" + (f", with {gone}." if gone else "."),
        detail=f"{difference}. In SQLite: {comparison.written_sql}. Translated: {comparison.translated_sql}",
    )


def _not_compared(comparison: Comparison, reason: str) -> Finding:
    return make_finding(
        "F-906",
        comparison.object,
        "What it answers was not compared with SQLite.",
        detail=f"{reason}. In SQLite: {comparison.written_sql}. Translated: {comparison.translated_sql}",
    )


def _ask_source(questions: Questions, comparison: Comparison) -> Iterator[_Row]:
    answers = questions.ask(comparison.source_sql)
    while chunk := list(islice(answers, _CHUNK_ROWS)):
        yield from _rows_of(source_cells(chunk, comparison.outputs))


def _ask_target(connection: Connection, comparison: Comparison) -> Iterator[_Row]:
    try:
        with connection.transaction(force_rollback=True):
            _limit_session(connection)
            try:
                kinds = _result_types(connection, comparison.target_sql)
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject) as error:
                raise _NotThereError from error
            with connection.cursor(name="howdah_answers") as cursor:
                cursor.itersize = _CHUNK_ROWS
                cursor.execute(_select(comparison, kinds))
                while chunk := cursor.fetchmany(_CHUNK_ROWS):
                    yield from _rows_of(target_cells(chunk, comparison.outputs, kinds))
    except psycopg.errors.QueryCanceled:
        raise
    except psycopg.Error as error:
        if connection.broken or is_of_the_moment(error):
            raise
        raise _TargetFailedError(error.diag.message_primary or str(error)) from error


def _limit_session(connection: Connection) -> None:
    connection.execute(f"SET LOCAL statement_timeout = {int(SECONDS_PER_QUESTION * 1000)}")
    # The expressions come from the file: they get rights to read and no others.
    row = connection.execute(
        "SELECT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)"
        " AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pg_read_all_data')"
    ).fetchone()
    if row is not None and row[0]:
        connection.execute("SET LOCAL ROLE pg_read_all_data")


def _result_types(connection: Connection, query: str) -> list[int]:
    cursor = connection.execute(cast("Any", f"SELECT * FROM ({query}) AS answer LIMIT 0"))
    return [column.type_code for column in cursor.description or ()]


def _select(comparison: Comparison, kinds: Sequence[int]) -> sql.Composed:
    names = [sql.Identifier(f"c{number}") for number in range(len(kinds))]
    expressions = [
        sql.SQL(cast("Any", target_expression(output, kind))).format(name)
        for name, output, kind in zip(names, comparison.outputs, kinds, strict=True)
    ]
    return sql.SQL("SELECT {} FROM ({}) AS answer ({})").format(
        sql.SQL(", ").join(expressions),
        sql.SQL(cast("Any", comparison.target_sql)),
        sql.SQL(", ").join(names),
    )


def _rows_of(columns: Sequence[Sequence[Any]]) -> Iterator[_Row]:
    return zip(*columns, strict=True)


def _equal_nearly(comparison: Comparison, ours: _Answer, theirs: _Answer) -> bool:
    """Whether the rows are equal but for the last digits of computed floating point numbers."""
    inexact = [number for number, output in enumerate(comparison.outputs) if output.inexact]
    if not inexact or ours.rows != theirs.rows or ours.rows > _HELD_ROWS_MAX:
        return False

    def key(row: _Row) -> tuple[str, ...]:
        exact = [repr(value) for number, value in enumerate(row) if number not in inexact]
        return (*exact, *(f"{_magnitude(row[number]):.6e}" for number in inexact))

    pairs = zip(sorted(ours.held, key=key), sorted(theirs.held, key=key), strict=True)
    return all(
        _near(one, other) if number in inexact else one == other
        for left, right in pairs
        for number, (one, other) in enumerate(zip(left, right, strict=True))
    )


def _magnitude(value: Any) -> float:
    return float(value) if isinstance(value, (int, float, Decimal)) else math.inf


def _near(one: Any, other: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return bool(one == other)


def _describe_difference(ours: _Answer, theirs: _Answer) -> str:
    only_ours = _without(ours.held, theirs.held)
    only_theirs = _without(theirs.held, ours.held)
    return (
        f"{ours.rows} rows in SQLite, {theirs.rows} here;"
        f" only in SQLite: {only_ours}; only here: {only_theirs}"
    )


def _without(rows: Iterable[_Row], others: Iterable[_Row]) -> str:
    left = Counter(map(repr, rows)) - Counter(map(repr, others))
    shown = ", ".join(f"{row[:200]}" for row in islice(left, 3))
    return shown or "nothing"
