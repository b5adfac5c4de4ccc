"""The whole way: Strapi's SQLite file carried into the schema that Strapi made, then served as by Strapi."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from howdah.errors import RefusedError
from howdah.ops.servable import require_servable
from support.api import SMALL, Replay, read_recorded, recorded_settings, serving
from support.content import PLATFORM, STRAPI_DATA, STRAPI_SCHEMA, build_model
from support.program import Program
from support.service import settings_for


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


def test_tables_that_a_migration_made_of_the_rows_alone_are_served_or_refused(
    database: str, tmp_path: Path
) -> None:
    """Without content types a number may be a moment or a number: it stays one, and the service says so."""
    ended = Program(directory=tmp_path, home=tmp_path / "home").run("migrate", SMALL, database)
    assert ended.status == 0, ended.err
    with pytest.raises(RefusedError) as refusal:
        require_servable(build_model(PLATFORM), settings_for(database), "public")
    assert "agents.seen_at is bigint, not timestamp(6)" in refusal.value.detail
    assert "content create" in refusal.value.hint
