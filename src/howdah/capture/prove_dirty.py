"""
Prove the rows that moved last: both sides are read by their keys, after both have stopped.

PostgreSQL's side is decoded, SQLite's comes straight from its API, as in the full proof. What is
proven here costs the pause, so it is the rows of the last batch alone; the rest is
proven before the fence and after the release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from howdah.capture.apply import stage_keys
from howdah.capture.home_values import to_python
from howdah.codecs.registry import get_codec
from howdah.codecs.values import SourceColumn
from howdah.loading.job import LoadJob
from howdah.model.plan import TablePlan
from howdah.model.report import Difference
from howdah.names import qualified, quote
from howdah.postgres.arrow_reader import ArrowReader
from howdah.sqlite.live_file import LiveFile, NotedKey, fetch_present
from howdah.state.store import Connection

_Row = tuple[tuple[str, Any], ...]


def prove_keys(
    connection: Connection,
    reader: ArrowReader,
    live: LiveFile,
    job: LoadJob,
    keys_of: Mapping[str, Sequence[NotedKey]],
    quarantined: Mapping[str, frozenset[str]],
) -> list[Difference]:
    """
    Return what differs between the rows with those keys on both sides.

    `reader` must not have asked anything yet, because its snapshot begins with its first question; it is
    closed afterwards. The keys lie in tables of the state schema while this lasts.
    """
    numbers = {name: number for number, name in enumerate(keys_of, start=1)}
    names = {name: sql.Identifier(job.state.name, f"prove_{number}") for name, number in numbers.items()}
    with connection.transaction():
        for name, keys in keys_of.items():
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(names[name]))
            stage_keys(connection, job.plan.table(name), keys, names[name])
    differences: list[Difference] = []
    try:
        for name, keys in keys_of.items():
            plan = job.plan.table(name)
            staged = qualified(job.state.name, f"prove_{numbers[name]}")
            there = _read_target(reader, plan, staged)
            here = _read_source(live, job, plan, keys)
            aside = len(quarantined.get(name, ()))
            differences += _compare(plan, here, there, tolerated=aside)
    finally:
        # Its transaction holds the tables of keys.
        reader.close()
        with connection.transaction():
            for identifier in names.values():
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(identifier))
    return differences


def _read_target(reader: ArrowReader, plan: TablePlan, staged: str) -> dict[_Row, _Row]:
    columns = plan.copied_columns
    selected = ", ".join(
        get_codec(column.codec).read_as.format(f"t.{quote(column.target_name)}") for column in columns
    )
    key = [quote(plan.column(name).target_name) for name in plan.key]
    match = " AND ".join(f"t.{name} = d.{name}" for name in key)
    query = (
        f"SELECT {selected} FROM (SELECT DISTINCT {', '.join(key)} FROM {staged}) d"
        f" JOIN {qualified(plan.target_schema, plan.target_name)} t ON {match}"
    )
    found: dict[_Row, _Row] = {}
    for batch in reader.read(query):
        decoded = {
            column.name: get_codec(column.codec).decode(array, column.params)
            for column, array in zip(columns, batch.columns, strict=True)
        }
        found |= _rows(plan, decoded)
    return found


def _read_source(live: LiveFile, job: LoadJob, plan: TablePlan, keys: Sequence[NotedKey]) -> dict[_Row, _Row]:
    names = [column.name for column in plan.copied_columns]
    found: dict[_Row, _Row] = {}
    with live.looking():
        for batch in fetch_present(live.connection, job.source_table(plan), names, plan.key, keys):
            projected = {
                name: get_codec(plan.column(name).codec).projected(column, plan.column(name).params)
                for name, column in batch.columns.items()
            }
            found |= _rows(plan, projected)
    return found


def _rows(plan: TablePlan, columns: Mapping[str, SourceColumn]) -> dict[_Row, _Row]:
    names = list(columns)
    values = [[(type(value).__name__, _exact(value)) for value in to_python(columns[name])] for name in names]
    places = [names.index(name) for name in plan.key]
    rows = list(zip(*values, strict=True))
    return {tuple(row[place] for place in places): row for row in rows}


def _exact(value: Any) -> Any:
    # 0.0 and -0.0 are equal and not the same.
    return repr(value) if isinstance(value, float) else value


def _compare(
    plan: TablePlan, here: Mapping[_Row, _Row], there: Mapping[_Row, _Row], *, tolerated: int
) -> list[Difference]:
    differences = []
    missing = [key for key in here if key not in there]
    # A row in quarantine is in the file and not on PostgreSQL; it was counted there.
    for key in missing[tolerated:]:
        differences.append(Difference(kind="missing-row", table=plan.name, key=_show(key)))
    for key in there:
        if key not in here:
            differences.append(Difference(kind="extra-row", table=plan.name, key=_show(key)))
    for key, row in here.items():
        if key in there and there[key] != row:
            place = next(
                place for place, (one, two) in enumerate(zip(row, there[key], strict=True)) if one != two
            )
            differences.append(
                Difference(
                    kind="value",
                    table=plan.name,
                    key=_show(key),
                    column=plan.copied_columns[place].name,
                    source=str(row[place][1]),
                    target=str(there[key][place][1]),
                )
            )
    return differences


def _show(key: _Row) -> str:
    return ", ".join(str(value) for _, value in key)
