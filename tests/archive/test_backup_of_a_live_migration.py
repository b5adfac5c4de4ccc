"""What a live migration keeps for its way home means nothing elsewhere, and no restored database has it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from howdah.errors import RefusedError
from howdah.ops.backup import BackupRequest, backup
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.finalize import finalize
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.restore import RestoreRequest, restore
from howdah.ops.target import TargetRequest
from support.archives import ask
from support.files import make_database


def test_a_restored_database_has_no_journal_no_lease_and_no_record_of_a_live_migration(
    tmp_path: Path, database: str, new_database: str
) -> None:
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE item (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO item VALUES (1, 'a');"
        "CREATE TABLE keyless (a INTEGER);",
    )
    target = TargetRequest(target=database)
    follow(FollowRequest(source=str(source), target=target, consent=True, until_caught_up=True))
    cutover(CutoverRequest(source=str(source), target=target))
    with psycopg.connect(database, autocommit=True) as application:
        application.execute("INSERT INTO item (note) VALUES ('written there')")
        application.execute("INSERT INTO keyless VALUES (1)")
    assert ask(database, "SELECT count(*) FROM howdah.dirty_1") == [(1,)]

    repository = RepositoryRequest(location=str(tmp_path / "repo"), name="app")
    report = backup(BackupRequest(repository=repository, target=target, drill="always"))
    assert report.status == "verified"
    restore(RestoreRequest(repository=repository, backup="latest", target=TargetRequest(target=new_database)))

    assert ask(new_database, "SELECT id FROM item ORDER BY 1") == [(1,), (2,)]
    names = ask(
        new_database,
        "SELECT relname FROM pg_class WHERE relnamespace = 'howdah'::regnamespace AND relkind = 'r'"
        " AND relname ~ '^(capture|dirty_|way_back|.*lease|.*journal)' ORDER BY 1",
    )
    assert [name for (name,) in names] == ["capture", "dirty_1", "way_back", "way_back_whole"]
    for (name,) in names:
        assert ask(new_database, f"SELECT count(*) FROM howdah.{name}") == [(0,)], name
    # No lock came along either, and the ledger did.
    assert ask(new_database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    assert ask(new_database, "SELECT status FROM howdah.run") == [("done",)]

    # It takes writes, it does not go home by a journal that it does not have, and nothing of it stays.
    restored = TargetRequest(target=new_database)
    with psycopg.connect(new_database, autocommit=True) as application:
        application.execute("UPDATE item SET note = 'after the restore' WHERE id = 1")
    with pytest.raises(RefusedError) as refused:
        go_home(restored, LiveOptions())
    assert refused.value.code == "L-101"
    finalize(restored)
    assert ask(new_database, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    with psycopg.connect(new_database, autocommit=True) as application:
        application.execute("UPDATE item SET note = 'and goes on' WHERE id = 1")

    # The one that was backed up goes home as ever.
    assert go_home(target, LiveOptions()).phase == "home"
