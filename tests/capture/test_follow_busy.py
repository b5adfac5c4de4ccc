"""Following an application that never rests: caught up is to be seconds behind, not to find nothing to do."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.live_run import LiveOptions
from support.runs import target_request
from support.writing_app import prepare, read_log, writing


@pytest.mark.long
@pytest.mark.timeout(120)
def test_until_caught_up_ends_beside_an_application_that_never_rests(tmp_path: Path, database: str) -> None:
    directory = tmp_path / "app"
    directory.mkdir()
    source = str(prepare(directory, wal=False))
    target = target_request(database)
    move = f"printf %s '{database}' > {directory}/new && mv {directory}/new {directory}/where"
    with writing(directory, rate=400):
        report = follow(FollowRequest(source=source, target=target, consent=True, until_caught_up=True))
        assert (report.status, report.phase) == ("caught-up", "following")
        done = cutover(CutoverRequest(source=source, target=target, live=LiveOptions(on_release=move)))
        assert (done.status, done.proof) == ("complete", "proven")
    with psycopg.connect(database) as connection:
        there = [token for (token,) in connection.execute("SELECT token FROM token ORDER BY 1").fetchall()]
    assert there == sorted(written.token for written in read_log(directory))
