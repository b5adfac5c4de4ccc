"""A backup is made, drilled and restored on each major whose programs are at hand, by its own tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.ops.backup import BackupRequest, backup
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.restore import RestoreRequest, restore
from howdah.ops.target import TargetRequest
from support.archives import SAMPLE_SQL, ask

pytestmark = pytest.mark.long


def test_a_backup_is_drilled_and_restored(
    any_server_major: Any, any_server_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    with psycopg.connect(any_server_database, autocommit=True) as connection:
        connection.execute(SAMPLE_SQL)
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="major")
    made = backup(
        BackupRequest(repository=place, target=TargetRequest(target=any_server_database), drill="always")
    )
    assert made.status == "verified", made
    new = any_server_major.dsn("restored_major")
    request = RestoreRequest(repository=place, backup="latest", target=TargetRequest(target=new))
    try:
        assert restore(request).status == "done"
        query = "SELECT count(*), sum(id), max(total) FROM orders"
        assert ask(new, query) == ask(any_server_database, query)
    finally:
        with psycopg.connect(any_server_major.dsn(), autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS restored_major WITH (FORCE)")
