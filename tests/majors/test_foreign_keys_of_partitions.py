"""A foreign key of a partitioned table that rows violate: PostgreSQL 18 keeps it NOT VALID, none before."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from howdah.errors import RefusedError
from howdah.model.verb_reports import LiveReport
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from howdah.ops.status import status
from support.files import make_database
from support.owned import query, run_script
from support.processes import run_sqlite
from support.runs import target_request

_SOURCE = """
CREATE TABLE box (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE event (id INTEGER PRIMARY KEY, box INTEGER, at TEXT);
INSERT INTO box VALUES (1, 'one');
INSERT INTO event VALUES (1, 1, '2024-01-01 00:00:00'), (2, 99, '2025-01-01 00:00:00');
"""
_TARGET = """
CREATE TABLE box (id integer PRIMARY KEY, name text);
CREATE TABLE event (
    id integer, box integer CONSTRAINT in_box REFERENCES box, at timestamp(0), PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE event_old PARTITION OF event FOR VALUES FROM (MINVALUE) TO ('2025-01-01');
CREATE TABLE event_new PARTITION OF event FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);
"""
_VALID = (
    "SELECT conrelid::regclass::text, convalidated FROM pg_constraint WHERE conname = 'in_box' ORDER BY 1"
)


@pytest.mark.long
def test_it_is_kept_not_valid_where_the_server_can(tmp_path: Path, any_server_database: str) -> None:
    source = make_database(tmp_path / "app.db", _SOURCE)
    target = target_request(any_server_database)
    run_script(any_server_database, _TARGET)
    follow(FollowRequest(source=str(source), target=target, consent=True, until_caught_up=True))

    def cut_over(*, accept: bool) -> LiveReport:
        return cutover(
            CutoverRequest(source=str(source), target=target, live=LiveOptions(accept_orphans=accept))
        )

    with pytest.raises(RefusedError) as refused:
        cut_over(accept=False)
    assert refused.value.code == "L-129"
    with psycopg.connect(any_server_database) as connection:
        keeps_it = connection.info.server_version >= 180000
    if not keeps_it:
        with pytest.raises(RefusedError) as refused:
            cut_over(accept=True)
        assert refused.value.code == "L-124"
        run_sqlite(source, "connection.execute('UPDATE event SET box = 1'); connection.commit()")
        assert cut_over(accept=False).proof == "proven"
        assert ("event", True) in query(any_server_database, _VALID)
        return

    report = cut_over(accept=True)
    assert (report.status, report.proof) == ("complete", "proven")
    assert "F-902" in [finding.code for finding in report.findings]
    assert dict(query(any_server_database, _VALID))["event"] is False
    assert [run.not_valid for run in status(target).runs] == [('"in_box" of table "event"',)]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        run_script(any_server_database, "INSERT INTO event VALUES (3, 99, '2024-05-01')")
    assert go_home(target, LiveOptions()).proof == "proven"
    run_sqlite(source, "connection.execute('UPDATE event SET box = 1'); connection.commit()")
    assert cut_over(accept=False).proof == "proven"
    valid = dict(query(any_server_database, _VALID))
    assert valid == {"event": True, "event_new": True, "event_old": True}
