"""Values too long for a batch are compared whole, in every kind of table, without being held."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import BugError
from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.plan import PlanOptions, TablePlan
from howdah.model.report import Difference, ProofStatus
from howdah.model.source import SourceCatalog, Table
from support.lending_library import PLAN, Library, column, insert

LONG_TEXT = "\u00e4\u4e2d" * (BIG_VALUE_BYTES // 4)
LONG_BLOB = bytes(range(256)) * (BIG_VALUE_BYTES // 200)
#: Long in UTF-8 (three bytes each), short in UTF-16 (two).
CHINESE = "\u4e2d" * (BIG_VALUE_BYTES // 3 + 100)
#: Long in UTF-16, short in UTF-8.
LATIN = "a" * (BIG_VALUE_BYTES * 3 // 4)
AT_THE_LIMIT = "x" * BIG_VALUE_BYTES

ROWS: list[tuple[Any, ...]] = [
    (1, "short", b"short", "[1]"),
    (2, LONG_TEXT, LONG_BLOB, None),
    (3, None, None, '["' + "j" * BIG_VALUE_BYTES + '"]'),
    (4, CHINESE, b"", "{}"),
    (5, LATIN, None, "2"),
    (6, AT_THE_LIMIT, AT_THE_LIMIT.encode(), "3"),
    (7, AT_THE_LIMIT + "y", LONG_BLOB, "4"),
]
COLUMNS = (
    column("id", "bigint", "integer"),
    column("body", "text", "text"),
    column("image", "bytea", "bytes"),
    column("doc", "json", "json"),
)
#: How the table is compared → its key column and option in SQLite.
KINDS = {
    "ranges": ("id INTEGER PRIMARY KEY", ""),
    "buckets": ("id INTEGER PRIMARY KEY", ""),
    "without rowid": ("id INTEGER PRIMARY KEY", "WITHOUT ROWID"),
    "no key": ("id INTEGER", ""),
}


def build(path: Path, conninfo: str, kind: str, encoding: str = "UTF-8") -> Library:
    key, option = KINDS[kind]
    source = sqlite3.connect(path)
    source.execute(f"PRAGMA encoding = '{encoding}'")
    source.execute(f"CREATE TABLE pages ({key}, body TEXT, image BLOB, doc TEXT) {option}")
    with source:
        insert(source, "pages", ROWS)
    source.close()
    with psycopg.connect(conninfo) as target:
        target.execute("CREATE TABLE public.pages (id bigint, body text, image bytea, doc json)")
        with target.cursor() as cursor:
            cursor.executemany("INSERT INTO public.pages VALUES (%s, %s, %s, %s)", ROWS)
    table = TablePlan(
        name="pages",
        target_name="pages",
        target_schema="public",
        columns=COLUMNS,
        key=() if kind == "no key" else ("id",),
        integer_key=kind == "ranges",
        rowid_name=None if option else "rowid",
        rows=len(ROWS),
        big_rows=4,
    )
    plan = replace(PLAN, options=PlanOptions(), tables=(table,), steps=())
    catalog = SourceCatalog(path="pages.db", tables=(Table(name="pages", columns=()),), encoding=encoding)
    return Library(path=path, conninfo=conninfo, plan=plan, catalog=catalog)


def damage(library: Library, statement: str) -> list[Difference]:
    library.on_target(statement)
    proof = library.verify()
    assert proof.status is ProofStatus.DIFFERENT
    return list(proof.differences)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ["UTF-8", pytest.param("UTF-16le", marks=pytest.mark.long)])
def test_long_values_are_proven_and_one_changed_byte_is_seen(
    tmp_path: Path, database: str, kind: str, encoding: str
) -> None:
    library = build(tmp_path / "pages.db", database, kind, encoding)
    proof = library.verify()
    assert (proof.status, proof.differences) == (ProofStatus.PROVEN, ())
    found = damage(library, "UPDATE public.pages SET image = set_byte(image, 5000000, 7) WHERE id = 2")
    if kind == "no key":
        assert [item.kind for item in found] == ["missing-row", "extra-row"]
        assert "blob of 5,3" in found[0].source
        return
    assert [(item.kind, item.key, item.column) for item in found] == [("value", "2", "image")]
    assert found[0].source.startswith("blob of 5,368,576 bytes, SHA-256 ")
    assert found[0].target.startswith("blob of 5,368,576 bytes, SHA-256 ")
    assert found[0].source != found[0].target


@pytest.mark.parametrize("encoding", ["UTF-8", pytest.param("UTF-16le", marks=pytest.mark.long)])
def test_every_way_to_damage_a_long_value_is_named(tmp_path: Path, database: str, encoding: str) -> None:
    library = build(tmp_path / "pages.db", database, "ranges", encoding)
    found = damage(
        library,
        """
        UPDATE public.pages SET body = NULL WHERE id = 2;
        UPDATE public.pages SET doc = '[]' WHERE id = 3;
        UPDATE public.pages SET body = body || 'z' WHERE id = 4;
        UPDATE public.pages SET body = body || ' ' WHERE id = 6;
        UPDATE public.pages SET body = left(body, -1), image = NULL WHERE id = 7;
        """,
    )
    shown = {(item.key, item.column): (item.source[:26], item.target[:26]) for item in found}
    assert shown == {
        ("2", "body"): ("text of 5,242,880 bytes, S", "NULL"),
        ("3", "doc"): ("text of 4,194,308 bytes, S", "'[]'"),
        ("4", "body"): ("text of 4,194,603 bytes, S", "text of 4,194,604 bytes, S"),
        ("6", "body"): ("'" + "x" * 25, "text of 4,194,305 bytes, S"),
        ("7", "body"): ("text of 4,194,305 bytes, S", "'" + "x" * 25),
        ("7", "image"): ("blob of 5,368,576 bytes, S", "NULL"),
    }


def test_long_values_changed_between_rows_are_seen(tmp_path: Path, database: str) -> None:
    library = build(tmp_path / "pages.db", database, "no key")
    found = damage(
        library,
        "UPDATE public.pages AS p SET body = o.body FROM public.pages AS o"
        " WHERE (p.id, o.id) IN ((2, 7), (7, 2))",
    )
    assert sorted(item.kind for item in found) == ["extra-row"] * 2 + ["missing-row"] * 2


def test_a_text_is_not_a_blob_of_the_same_long_content(tmp_path: Path, database: str) -> None:
    library = build(tmp_path / "pages.db", database, "ranges")
    library.on_source("UPDATE pages SET body = CAST(body AS BLOB) WHERE id = 2")
    found = library.verify().differences
    assert [(item.key, item.column) for item in found] == [("2", "body")]
    assert found[0].source.startswith("blob of ")
    assert found[0].target.startswith("text of ")


def test_long_values_that_the_plan_does_not_know_of_are_never_passed_over(
    tmp_path: Path, database: str
) -> None:
    library = build(tmp_path / "pages.db", database, "ranges")
    table = replace(library.plan.tables[0], big_rows=0)
    library.plan = replace(library.plan, tables=(table,))
    with pytest.raises(BugError, match="long values that the plan does not know of"):
        library.verify()
