"""Cases 6 and 13: long values are streamed, impossible ones and impossible targets refused beforehand."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from psycopg import sql

from howdah.errors import RefusedError
from howdah.model.census import Census, ColumnCensus, TableCensus
from howdah.model.plan import PlanOptions
from howdah.planning.build import build_plan
from howdah.planning.target_checks import check_plan
from support.files import make_database
from support.plans import facts_of
from support.processes import run_measured
from support.program import HOWDAH, list_objects
from support.runs import migrate_file

_MEGABYTE = 1024 * 1024
#: What a migration with one job may take, kilobytes.
_MEMORY_MAX_KB = 256 * 1024


class Server(Protocol):
    """What `tests/conftest.py` calls a server."""

    def dsn(self, dbname: str = ...) -> str: ...


def _make_long_values(path: Path, text_megabytes: int, blob_megabytes: int) -> tuple[str, str]:
    """Write one row with a text and a blob of that size; return the SHA-256 of each."""
    line = "0123456789abcdé\n".encode()
    text = (line * (text_megabytes * _MEGABYTE // len(line) + 1)).decode()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE long (id INTEGER PRIMARY KEY, s TEXT, b BLOB)")
        connection.execute("INSERT INTO long VALUES (1, ?, zeroblob(?))", (text, blob_megabytes * _MEGABYTE))
        connection.execute("INSERT INTO long VALUES (2, 'short', x'00')")
        digest = hashlib.sha256()
        with connection.blobopen("long", "b", 1) as blob:
            for number in range(blob_megabytes):
                piece = hashlib.sha512(b"%d" % number).digest() * (_MEGABYTE // 64)
                blob.write(piece)
                digest.update(piece)
        connection.commit()
    return hashlib.sha256(text.encode()).hexdigest(), digest.hexdigest()


def _digests(database: str) -> list[tuple[int, str, str]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT id, encode(sha256(convert_to(s, 'UTF8')), 'hex'), encode(sha256(b), 'hex')"
            " FROM long ORDER BY id"
        ).fetchall()


def _short_row() -> tuple[int, str, str]:
    return (2, hashlib.sha256(b"short").hexdigest(), hashlib.sha256(b"\x00").hexdigest())


@pytest.mark.usefixtures("howdah_home")
def test_case_06_a_text_and_a_blob_of_6_mb_in_one_row(tmp_path: Path, database: str) -> None:
    text, blob = _make_long_values(tmp_path / "long.db", 6, 6)

    report = migrate_file(tmp_path / "long.db", database)

    assert (report.exit_status, report.verification, report.findings) == (0, "proof", ())
    assert _digests(database) == [(1, text, blob), _short_row()]


@pytest.mark.slow
def test_case_06_a_text_of_120_mb_and_a_blob_of_300_mb_in_one_row(tmp_path: Path, database: str) -> None:
    text, blob = _make_long_values(tmp_path / "long.db", 120, 300)

    status, peak = run_measured(
        [HOWDAH, "migrate", str(tmp_path / "long.db"), database, "--jobs", "1"],
        dict(os.environ) | {"HOWDAH_HOME": str(tmp_path / "home")},
    )

    assert status == 0
    assert 0 < peak < _MEMORY_MAX_KB
    assert _digests(database) == [(1, text, blob), _short_row()]


@pytest.mark.parametrize(
    ("column", "longest"),
    [
        pytest.param(ColumnCensus(name="v", texts=1, text_bytes_max=1024**3), 1024**3, id="text of 1 GB"),
        pytest.param(
            ColumnCensus(name="v", blobs=1, blob_bytes_max=600 * _MEGABYTE),
            600 * _MEGABYTE,
            id="blob of 600 MB",
        ),
    ],
)
def test_case_06_a_value_that_postgresql_cannot_keep_or_dump_is_refused_by_the_plan(
    tmp_path: Path, column: ColumnCensus, longest: int
) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE huge (id INTEGER PRIMARY KEY, v)")
    counted = TableCensus(name="huge", rows=1, columns=(ColumnCensus(name="id", integers=1), column))

    plan = build_plan(facts.catalog, Census(tables=(counted,)), PlanOptions(), None)

    assert [finding.code for finding in plan.findings] == ["F-213"]
    assert f"{longest} bytes" in plan.findings[0].message
    with pytest.raises(RefusedError) as refusal:
        check_plan(plan)
    assert refusal.value.code == "P-307"
    assert 'column "huge"."v"' in str(refusal.value)


@pytest.mark.usefixtures("howdah_home")
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_case_13_a_database_of_another_encoding_is_refused(
    tmp_path: Path, server: Server, encoding: str
) -> None:
    source = make_database(tmp_path / "app.db", "CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('é')")
    name = f"encoded_{encoding.lower()}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'").format(
                sql.Identifier(name), sql.Literal(encoding)
            )
        )
        try:
            with pytest.raises(RefusedError) as refusal:
                migrate_file(source, server.dsn(name))
            assert list_objects(server.dsn(name)) == []
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    assert refusal.value.code == "P-303"
    assert encoding in str(refusal.value)
