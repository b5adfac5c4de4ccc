"""The rows that moved last are proven by their keys; what is in quarantine hides none of the others."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from howdah.capture.prove_dirty import prove_keys
from howdah.loading.job import LoadJob
from howdah.model.census import Census
from howdah.ops.source_facts import read_kept_catalog
from howdah.postgres.arrow_reader import ArrowReader
from howdah.sqlite.live_file import LiveFile
from howdah.state.ledger import Ledger
from howdah.state.store import StateSchema
from support.files import make_database
from support.runs import migrate_file


@pytest.mark.parametrize("options", ["", " WITHOUT ROWID"])
def test_only_the_rows_in_quarantine_may_be_missing(tmp_path: Path, database: str, options: str) -> None:
    source = make_database(
        tmp_path / "app.db",
        f"CREATE TABLE note (code TEXT PRIMARY KEY, body TEXT){options};"
        "INSERT INTO note VALUES ('nul', 'a' || char(0)), ('bytes', CAST(x'ff41' AS TEXT)),"
        " ('other', 'b' || char(0)), ('gone', '1'), ('lost', '2'), ('changed', '3'), ('same', '4');",
    )
    migrate_file(source, database)
    with psycopg.connect(database) as connection:
        (run,) = Ledger(state=StateSchema()).runs(connection)
        job = LoadJob(
            conninfo=database,
            state=StateSchema(),
            run_id=run.id,
            plan=run.plan,
            catalog=read_kept_catalog(run),
            census=Census(),
            snapshot_path=run.snapshot.path,
        )
        quarantined = job.quarantine.keys(connection)
        connection.execute("DELETE FROM note WHERE code IN ('gone', 'lost')")
        connection.execute("UPDATE note SET body = 'other' WHERE code = 'changed'")
        connection.commit()
        keys = [(code,) for code in ("nul", "bytes", "gone", "lost", "changed", "same")]
        with LiveFile(str(source)) as live:
            found = prove_keys(connection, ArrowReader(database), live, job, {"note": keys}, quarantined)

    assert len(quarantined["note"]) == 3
    assert [(item.kind, item.key, item.source, item.target) for item in found] == [
        ("missing-row", "gone", "", ""),
        ("missing-row", "lost", "", ""),
        ("value", "changed", "3", "other"),
    ]
