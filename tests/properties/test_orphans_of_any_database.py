"""Orphans are what SQLite's own check of foreign keys calls so, and correcting them leaves none of those."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, given, settings

from howdah.errors import RefusedError
from howdah.model.orphans import Reference
from howdah.model.source import fold_name
from howdah.ops.source_facts import read_catalog_of
from howdah.planning.orphans import OrphanChoices, find_references
from howdah.sqlite.orphans import correct_orphans, count_orphans
from support.random_databases import RandomDatabase, databases, quoted

pytestmark = pytest.mark.long

Key = tuple[str, tuple[str, ...], str]

RELAXED = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
    print_blob=True,
)


def _key(reference: Reference) -> Key:
    return reference.child.name, reference.columns, reference.parent.name


def _check(path: Path, references: list[Reference]) -> dict[Key, list[int | None]]:
    """Return the row numbers that SQLite's own check names, for the keys that were found."""
    found: dict[Key, list[int | None]] = {}
    wanted = {_key(reference) for reference in references}
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in {reference.child.name for reference in references}:
            columns: dict[int, tuple[str, list[str]]] = {}
            names = {
                fold_name(name): name
                for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))
            }
            for number, _, parent, ours, *_ in connection.execute(
                f"PRAGMA foreign_key_list({quoted(table)})"
            ):
                columns.setdefault(number, (parent, []))[1].insert(0, names.get(fold_name(ours), ours))
            for _, rowid, _, number in connection.execute(f"PRAGMA foreign_key_check({quoted(table)})"):
                declared_parent, ours = columns[number]
                for key in wanted:
                    if (key[0], sorted(key[1]), fold_name(key[2])) == (
                        table,
                        sorted(ours),
                        fold_name(declared_parent),
                    ):
                        found.setdefault(key, []).append(rowid)
    return found


def _contents(path: Path, table: str) -> Counter[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        # Not every generated column can be computed.
        stored = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0"
        names = ", ".join(quoted(name) for (name,) in connection.execute(stored, (table,)))
        connection.text_factory = bytes
        rows = connection.execute(f"SELECT {names} FROM {quoted(table)}").fetchall()
    return Counter(tuple((type(value).__name__, value) for value in row) for row in rows)


def _references(path: Path) -> list[Reference]:
    """Return the foreign keys that SQLite can check; it gives a table up at the first that it cannot."""
    references = list(find_references(read_catalog_of(str(path)), OrphanChoices()))
    usable = []
    with closing(sqlite3.connect(path)) as connection:
        for reference in references:
            try:
                connection.execute(f"PRAGMA foreign_key_check({quoted(reference.child.name)})").fetchall()
            except sqlite3.Error:
                continue
            usable.append(reference)
    return usable


@settings(RELAXED, max_examples=60)
@given(database=databases())
def test_orphans_are_those_of_sqlites_own_check(database: RandomDatabase) -> None:
    with TemporaryDirectory() as directory:
        path = database.build(Path(directory) / "a.db")
        references = _references(path)
        assume(references)
        expected = {
            key: len(set(rows)) or None for key, rows in _check(path, references).items() if None not in rows
        }
        counted = {
            (found.table, found.columns, found.parent_table): found.rows
            for found in count_orphans(str(path), references)
        }
        without_numbers = {_key(each) for each in references if each.child.without_rowid}
        assert {key: count for key, count in counted.items() if key not in without_numbers} == expected


@pytest.mark.parametrize("choice", ["null", "delete"])
@settings(RELAXED, max_examples=30)
@given(database=databases())
def test_after_the_correction_no_orphan_is_left_and_no_other_row_has_changed(
    choice: str, database: RandomDatabase
) -> None:
    with TemporaryDirectory() as directory:
        path = database.build(Path(directory) / "a.db")
        references = [replace(each, choice=choice) for each in _references(path)]
        assume(references)
        corrected = Path(shutil.copyfile(path, Path(directory) / "corrected.db"))
        try:
            made = correct_orphans(str(corrected), references)
        except RefusedError:
            return
        kept = {(found.table, found.columns, found.parent_table) for found in made if not found.corrected}
        assert set(_check(corrected, references)) <= kept
        touched: Counter[str] = Counter()
        for found in made:
            if found.corrected:
                touched[found.table] += found.rows
        for table in {reference.child.name for reference in references}:
            gone = _contents(path, table) - _contents(corrected, table)
            new = _contents(corrected, table) - _contents(path, table)
            # A row with two keys may be corrected twice.
            assert gone.total() <= touched[table]
            assert new.total() == (gone.total() if choice == "null" else 0)
            assert bool(gone) == bool(touched[table])
