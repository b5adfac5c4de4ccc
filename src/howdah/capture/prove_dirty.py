"""
Prove the rows that moved last: both sides are read by their keys, after both have stopped.

PostgreSQL's side is decoded, SQLite's comes straight from its API, as in the full proof. What is
proven here costs the pause, so it is the rows of the last batch alone; the rest is
proven before the fence and after the release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from psycopg import sql

from howdah.capture.apply import stage_keys
from howdah.capture.home_values import to_python
from howdah.codecs.registry import get_codec
from howdah.codecs.values import SourceColumn
from howdah.loading.encode_batch import source_key
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

    Rows in quarantine (`SourceKey.text` by source table) may be in the file alone.
    `reader` must not have asked anything yet, because its snapshot begins with its first question; it is
    closed afterwards. The keys lie in tables of the state schema while this lasts.
    """
    numbers = {name: number for number, name in enumerate(keys_of, start=1)}
    names = {name: sql.Identifier(job.state.name, f"prove_{number}") for name, number in numbers.items()}
    with connection.transaction():
        for name, keys in keys_of.items():
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(names[name]))
            stage_keys(connection, job.plan.table(name), keys, names[name], "UNLOGGED")
    differences: list[Difference] = []
    try:
        for name, keys in keys_of.items():
            plan = job.plan.table(name)
            staged = qualified(job.state.name, f"prove_{numbers[name]}")
            there = _read_target(reader, plan, staged)
            here, aside = _read_source(live, job, plan, keys, quarantined.get(name, frozenset()))
            differences += _compare(plan, here, there, aside)
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
        found.update(_rows(plan, decoded))
    return found


def _read_source(
    live: LiveFile, job: LoadJob, plan: TablePlan, keys: Sequence[NotedKey], quarantined: frozenset[str]
) -> tuple[dict[_Row, _Row], set[_Row]]:
    """Return the rows by their keys, and the keys of those that are in quarantine."""
    table = job.source_table(plan)
    names = [column.name for column in plan.copied_columns]
    # A table without a number of its rows is named by columns that need not be among those.
    read = list(dict.fromkeys([*names, *table.naming_columns])) if table.rowid_name is None else names
    found: dict[_Row, _Row] = {}
    aside: set[_Row] = set()
    with live.looking():
        for batch in fetch_present(live.connection, table, read, plan.key, keys):
            projected = {
                name: get_codec(plan.column(name).codec).projected(
                    batch.columns[name], plan.column(name).params
                )
                for name in names
            }
            rows = _rows(plan, projected)
            found.update(rows)
            if quarantined:
                aside |= {
                    key
                    for number, (key, _) in enumerate(rows)
                    if source_key(batch, number, table).text in quarantined
                }
    return found, aside


def _rows(plan: TablePlan, columns: Mapping[str, SourceColumn]) -> list[tuple[_Row, _Row]]:
    """Return key and row of each."""
    names = list(columns)
    # A row in quarantine may hold text that is not UTF-8.
    values = [
        [
            (type(value).__name__, _exact(value))
            for value in to_python(columns[name], errors="surrogateescape")
        ]
        for name in names
    ]
    places = [names.index(name) for name in plan.key]
    return [(tuple(row[place] for place in places), row) for row in zip(*values, strict=True)]


def _exact(value: Any) -> Any:
    # 0.0 and -0.0 are equal and not the same.
    return repr(value) if isinstance(value, float) else value


def _compare(
    plan: TablePlan, here: Mapping[_Row, _Row], there: Mapping[_Row, _Row], aside: Set[_Row]
) -> list[Difference]:
    differences = []
    for key in here:
        # A row in quarantine is in the file and not on PostgreSQL; it was counted there.
        if key not in there and key not in aside:
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
                    source=_written(row[place][1]),
                    target=_written(there[key][place][1]),
                )
            )
    return differences


def _show(key: _Row) -> str:
    return ", ".join(_written(value) for _, value in key)


def _written(value: Any) -> str:
    return str(value).encode(errors="backslashreplace").decode()
