"""Everything that a schema may hold against a load, in one, for a role that is no more than its owner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from howdah.errors import RefusedError
from howdah.ops.plan import PlanRequest
from howdah.ops.plan import plan as make_plan
from howdah.ops.quarantine import list_rows
from howdah.ops.rollback import rollback
from howdah.ops.verify import VerifyRequest, verify_run
from support.files import make_database
from support.owned import dump_rows, dump_schema, owned_database, query, run_script
from support.runs import migrate_file, target_request
from support.torture_schema import SOURCE, TARGET


@pytest.fixture
def app(server: Any) -> Iterator[str]:
    """The application's database, for its plain owner."""
    with owned_database(server.dsn(), TARGET) as conninfo:
        yield conninfo


@pytest.mark.slow
def test_the_same_on_every_major_and_with_more_processes(tmp_path: Path, any_server_major: Any) -> None:
    for jobs in (None, 2):
        with owned_database(any_server_major.dsn(), TARGET) as conninfo:
            directory = tmp_path / str(jobs)
            directory.mkdir()
            test_case_85_each_difference_is_told_and_the_schema_is_as_it_was(
                directory, conninfo, any_server_major.bindir, jobs
            )


@pytest.mark.parametrize("jobs", [None])
def test_case_85_each_difference_is_told_and_the_schema_is_as_it_was(
    tmp_path: Path, app: str, server_bindir: Path, jobs: int | None
) -> None:
    bindir = server_bindir
    source = make_database(tmp_path / "s.db", SOURCE)
    schema, rows = dump_schema(bindir, app), dump_rows(bindir, app)

    planned = make_plan(PlanRequest(source=str(source), target=target_request(app)))
    told = {(finding.code, finding.object) for finding in planned.findings}
    assert {
        ("F-505", 'table "audit"'),
        ("F-506", 'column "accounts"."legacy"'),
        ("F-508", 'column "accounts"."note" of the target'),
        ("F-509", 'column "accounts"."region" of the target'),
        ("F-512", 'column "accounts"."id"'),
        ("F-513", 'column "accounts"."email_lower"'),
        ("F-514", 'table "accounts"'),
        ("F-514", 'table "events"'),
        ("F-516", 'table "accounts"'),
        ("F-516", 'table "teams"'),
        ("F-518", 'table "teams"'),
        ("F-520", 'table "bookings"'),
        ("F-521", 'table "events"'),
    } <= told
    assert {finding.object for finding in planned.findings if finding.code.startswith("F-2")} >= {
        'column "accounts"."code"',
        'column "accounts"."visits"',
    }
    with pytest.raises(RefusedError, match="nothing was changed"):
        migrate_file(source, app, jobs=jobs)
    assert (dump_schema(bindir, app), dump_rows(bindir, app)) == (schema, rows)

    report = migrate_file(source, app, jobs=jobs, fill=("accounts.region=unknown",))

    assert report.exit_status == 5
    assert not report.differences
    assert dump_schema(bindir, app) == schema
    assert query(app, "SELECT count(*) FROM audit") == [(0,)]
    assert query(
        app,
        "SELECT id, email, email_lower, uid::text, prefs::text, mood::text, active, code, visits, team_id,"
        " region, note FROM accounts ORDER BY id",
    ) == [
        (1, "Ann@x", "ann@x", "00000000-0000-4000-8000-000000000001", '{"a": 1}', "calm", True, "abc", 1, 1,
         "unknown", "none"),
        (2, "Bob@x", "bob@x", "00000000-0000-4000-8000-000000000002", "[1, 2]", "wild", False, None,
         2147483647, 2, "unknown", "none"),
        (3, "Cy@x", "cy@x", "00000000-0000-4000-8000-000000000003", None, "calm", None, "", 0, None,
         "unknown", "none"),
    ]  # fmt: skip
    assert query(app, "SELECT id, name, owner_id FROM teams ORDER BY id") == [
        (1, "red", 1),
        (2, "blue", 2),
        (3, "none", None),
    ]
    assert query(app, "SELECT tableoid::regclass::text, id FROM events ORDER BY id") == [
        ("events_2023", 1),
        ("events_2024", 2),
        ("events_2024", 5),
    ]
    assert query(app, "SELECT id, during::text FROM bookings ORDER BY id") == [(1, "[1,5)"), (2, "[5,9)")]
    assert query(app, "SELECT id FROM tickets ORDER BY id") == [(1,), (2,), (33,)]
    listed = list_rows(target_request(app)).rows
    assert sorted((row.table, row.key.rowid) for row in listed) == [
        ("accounts", 4),  # no such mood
        ("accounts", 5),  # code too long
        ("accounts", 6),  # visits beyond integer
        ("bookings", 3),  # overlaps
        ("events", 3),  # no partition
        ("events", 4),  # its account is in quarantine
        ("tickets", 3),  # place taken, by a constraint that is deferred
    ]
    # Beyond AUTOINCREMENT's memory; the next on the way 5, 15, 25, 35 that is beyond both tables' ids.
    assert query(
        app,
        "SELECT nextval(pg_get_serial_sequence('accounts', 'id')), nextval('shared_ids'),"
        " nextval(pg_get_serial_sequence('teams', 'id'))",
    ) == [(51, 35, 4)]
    changed = {table.name: dict(table.values_changed) for table in report.tables}
    assert changed["accounts"]["column-left-out"] == 1
    assert verify_run(VerifyRequest(source=str(source), target=target_request(app))).exit_status == 5


def test_undone_everything_is_as_it_was(tmp_path: Path, app: str, server_bindir: Path) -> None:
    bindir = server_bindir
    source = make_database(tmp_path / "s.db", SOURCE)
    schema, rows = dump_schema(bindir, app), dump_rows(bindir, app)
    migrate_file(source, app, fill=("accounts.region=unknown",))
    rollback(target_request(app))
    assert dump_schema(bindir, app, state_schema="nobody") == schema
    assert dump_rows(bindir, app, state_schema="nobody") == rows


def test_merged_by_key_seeded_rows_stay_but_where_the_source_has_the_key_or_the_value(
    tmp_path: Path, app: str
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE.replace("'blue'", "'green'"))
    fill = ("accounts.region=unknown",)
    # A deferrable constraint keeps ON CONFLICT from seeing what is in the way.
    with pytest.raises(RefusedError) as refusal:
        migrate_file(source, app, fill=fill, rows=("teams=merge",))
    assert "F-525" in refusal.value.detail

    report = migrate_file(source, app, fill=fill, rows=("accounts=merge", "events=merge"))

    assert not report.differences
    # Seeded account 2 has the key of Bob; the seeded event is of account 2, which is Bob's now.
    assert query(app, "SELECT email FROM accounts ORDER BY id") == [("Ann@x",), ("Bob@x",), ("Cy@x",)]
    assert query(app, "SELECT id, at::text, account_id FROM events WHERE id = 1 ORDER BY at") == [
        (1, "2023-05-01 10:00:00", 1),
        (1, "2024-01-01 00:00:00", 2),
    ]


def test_rows_set_aside_go_in_later_without_firing_triggers(
    tmp_path: Path, app: str, server_bindir: Path
) -> None:
    from howdah.ops.quarantine import retry_rows

    source = make_database(tmp_path / "s.db", SOURCE)
    migrate_file(source, app, fill=("accounts.region=unknown",))
    run_script(
        app,
        "ALTER TABLE accounts ALTER COLUMN region SET DEFAULT 'late';"
        "CREATE TABLE events_2031 PARTITION OF events FOR VALUES FROM ('2031-01-01') TO ('2032-01-01');"
        "ALTER TABLE events_2031 DISABLE TRIGGER events_audit;"
        "ALTER TYPE mood ADD VALUE 'furious'",
    )
    schema = dump_schema(server_bindir, app)

    report = retry_rows(target_request(app))

    # The codec still knows the labels of the plan; the row that lacked a partition goes.
    assert report.loaded == 1
    assert query(app, "SELECT tableoid::regclass::text FROM events WHERE id = 3") == [("events_2031",)]
    assert query(app, "SELECT count(*) FROM audit") == [(0,)]
    assert dump_schema(server_bindir, app) == schema


def test_repair_mends_rows_sequences_and_foreign_keys(tmp_path: Path, app: str, server_bindir: Path) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    schema = dump_schema(server_bindir, app)
    migrate_file(source, app, fill=("accounts.region=unknown",))
    run_script(
        app,
        "ALTER TABLE events DROP CONSTRAINT events_account; DELETE FROM events WHERE id = 2;"
        "UPDATE tickets SET place = 7 WHERE id = 33; SELECT setval('shared_ids', 5, false);",
    )
    request = VerifyRequest(source=str(source), target=target_request(app))
    assert verify_run(request).exit_status == 3

    mended = verify_run(VerifyRequest(source=str(source), target=target_request(app), repair=True))

    assert (mended.exit_status, mended.differences) == (5, ())
    assert query(app, "SELECT count(*) FROM audit") == [(0,)]
    assert query(app, "SELECT nextval('shared_ids')") == [(35,)]
    assert dump_schema(server_bindir, app) == schema


def test_triggers_fire_where_they_are_asked_to_and_functions_find_what_they_name(
    tmp_path: Path, app: str, server_bindir: Path
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    run_script(
        app,
        "CREATE TABLE rooms (name text); INSERT INTO rooms VALUES ('a'), ('b');"
        "CREATE FUNCTION known(room text) RETURNS boolean LANGUAGE sql STABLE AS"
        " $$ SELECT EXISTS (SELECT FROM rooms WHERE name = room) $$;"
        "ALTER TABLE bookings ADD CONSTRAINT room_known CHECK (known(room)) NOT VALID;",
    )
    schema = dump_schema(server_bindir, app)

    report = migrate_file(source, app, fill=("accounts.region=unknown",), fire_triggers=True)

    assert {row.rows_target for row in report.tables if row.name == "bookings"} == {2}
    # Of the partitions only that of 2023 has its trigger enabled; one row followed its account out again.
    assert dict(query(app, "SELECT what, count(*) FROM audit GROUP BY 1"))["events_2023INSERT"] == 2
    assert dump_schema(server_bindir, app) == schema
