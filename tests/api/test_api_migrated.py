"""The whole way: Strapi's SQLite file carried into the schema that Strapi made, then served as by Strapi."""

from __future__ import annotations

from pathlib import Path

import psycopg

from support.api import SMALL, Replay, read_recorded, recorded_settings, serving
from support.content import STRAPI_DATA, STRAPI_SCHEMA
from support.program import Program


def test_a_migrated_database_answers_as_strapi_did(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for path in (STRAPI_SCHEMA, STRAPI_DATA / "strapi-5.54.0-pg16-fresh-data.sql"):
            connection.execute(path.read_text(encoding="utf-8").encode())
    ended = Program(directory=tmp_path, home=tmp_path / "home").run("migrate", SMALL, database)
    assert ended.status == 0, ended.err
    differences: dict[str, str] = {}
    with serving(database, recorded_settings(tmp_path / "uploads")) as client:
        for name in ("reads", "writes", "access"):
            replay = Replay(client)
            differences |= {item.name: replay.difference(item) for item in read_recorded(name)}
    assert len(differences) == 137
    assert {name: found for name, found in differences.items() if found} == {}
