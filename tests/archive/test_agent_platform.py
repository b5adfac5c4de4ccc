"""
The agent platform's database: migrated, backed up, drilled in a server of its own, restored and proven again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from howdah.ops.backup import BackupRequest, backup
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.restore import RestoreRequest, restore
from howdah.ops.target import TargetRequest
from howdah.ops.verify import VerifyRequest, verify_run
from support.archives import ask
from support.files import DATA
from support.runs import migrate_file

SMALL = DATA / "strapi" / "small.db"


def test_a_drill_of_the_agent_platforms_database_passes(
    database: str, tmp_path: Path, new_database: str
) -> None:
    migrate_file(SMALL, database)
    smoke = tmp_path / "smoke.sql"
    smoke.write_text("SELECT count(*) > 0 FROM agents; SELECT count(*) > 0 FROM chat_messages;")
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="platform")
    report = backup(
        BackupRequest(repository=place, target=TargetRequest(target=database), drill="always", smoke=smoke)
    )
    assert (report.status, report.exit_status) == ("verified", 0)
    assert report.drill is not None
    assert report.drill.rto_seconds is not None
    counted = {
        table: ask(database, f"SELECT count(*) FROM {table}") for table in ("agents", "skills", "tasks")
    }
    restore(RestoreRequest(repository=place, backup="latest", target=TargetRequest(target=new_database)))
    assert counted == {table: ask(new_database, f"SELECT count(*) FROM {table}") for table in counted}
    # The ledger came along: the restored database is proven against the SQLite file itself.
    proof = verify_run(VerifyRequest(source=str(SMALL), target=TargetRequest(target=new_database)))
    assert (proof.status, proof.exit_status) == ("done", 0)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_server_with_two_hundred_tables_and_a_gigabyte_is_drilled(database: str, tmp_path: Path) -> None:
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        for number in range(200):
            script = (
                f"CREATE TABLE t{number} AS SELECT i AS id, md5(i::text) AS a,"
                f" repeat(md5((i + {number})::text), 4) AS b, i * 1.5 AS c, now() AS d"
                " FROM generate_series(1, 21000) i"
            )
            connection.execute(script.encode())
            connection.execute(f"ALTER TABLE t{number} ADD PRIMARY KEY (id)".encode())
            connection.execute(f"CREATE INDEX ON t{number} (a)".encode())
        ((size,),) = connection.execute("SELECT pg_database_size(current_database())").fetchall()
    assert size >= 10**9
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="large")
    report = backup(BackupRequest(repository=place, target=TargetRequest(target=database), drill="always"))
    assert (report.status, report.tables, report.rows) == ("verified", 200, 200 * 21000)
    assert report.drill is not None
    print(f"{size} bytes, dump {report.size}, recovery {report.drill.rto_seconds:.1f} s")
