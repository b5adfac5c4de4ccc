"""Point-in-time recovery by pgBackRest, as docs/how-to/point-in-time.md has it: timed, every row compared."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from howdah.ops.health import check_health
from howdah.postgres.binaries import list_server_binaries
from howdah.postgres.embedded import start_embedded

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "point-in-time.md"


def blocks(language: str) -> list[str]:
    """Return the page's own text."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line) for line in block.replace("\\\n", " ").strip().splitlines()]


@pytest.mark.slow
def test_the_pages_commands_bring_a_server_back_to_a_moment() -> None:
    assert shutil.which("pgbackrest") is not None, "install pgbackrest (Debian: apt install pgbackrest)"
    binaries = next(item for item in list_server_binaries() if item.provider == "system")
    with tempfile.TemporaryDirectory(prefix="howdah-pitr-", ignore_cleanup_errors=True) as place:
        root = Path(place)
        # The page's configuration, with this test's paths.
        config = root / "pgbackrest.conf"
        text = blocks("ini")[0].replace("/var/lib/pgbackrest", f"{root}/repository")
        text = text.replace("/var/lib/postgresql/15/main", f"{root}/main/data").replace("zst", "gz")
        socket = root / "main" / "run"
        text += f"pg1-socket-path={socket}\npg1-port=5432\npg1-user=postgres\n"
        text = text.replace(
            "[global]\n", f"[global]\nlog-path={root}/log\nlock-path={root}/lock\nspool-path={root}/spool\n"
        )
        config.write_text(text)
        for name in ("repository", "log", "lock", "spool"):
            (root / name).mkdir(mode=0o777)
            (root / name).chmod(0o777)
        root.chmod(0o755)
        config.chmod(0o644)
        settings = dict(re.findall(r"^(\w+) = '?(.*?)'?$", blocks("ini")[1], re.MULTILINE))
        settings["archive_command"] = settings["archive_command"].replace(
            "pgbackrest", f"pgbackrest --config={config}"
        )
        settings |= {"wal_level": "replica", "max_wal_senders": "4", "archive_timeout": "60"}
        server = start_embedded(
            root / "main", bindir=binaries.bindir, durable=False, settings=settings, end_with_parent=True
        )
        environment = {"PGPASSWORD": server.password, "PATH": "/usr/bin:/bin"}

        def run(command: list[str]) -> None:
            command = [command[0], f"--config={config}", *command[1:]]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (command, done.stdout, done.stderr)

        try:
            with psycopg.connect(server.conninfo(), autocommit=True) as connection:
                connection.execute("CREATE TABLE kept AS SELECT i FROM generate_series(1, 10000) i")
                for command in commands(blocks("sh")[0]):
                    run(command)
                connection.execute("INSERT INTO kept SELECT i FROM generate_series(10001, 20000) i")
                time.sleep(1.1)
                row = connection.execute("SELECT date_trunc('second', clock_timestamp())::text").fetchone()
                assert row is not None
                moment = row[0]
                time.sleep(1.1)
                connection.execute("DROP TABLE kept")
                connection.execute("SELECT pg_switch_wal()")
                deadline = time.monotonic() + 60
                query = "SELECT archived_count, failed_count FROM pg_stat_archiver"
                archived = connection.execute(query).fetchone()
                assert archived is not None
                while (found := connection.execute(query).fetchone()) == archived:
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
                assert found is not None
                assert found[1] == 0
        finally:
            server.stop(mode="fast")
        began = time.monotonic()
        drill = root / "drill"
        (restore,) = commands(blocks("sh")[1])
        restore = [
            f"--pg1-path={drill}/data"
            if word.startswith("--pg1-path=")
            else f"--target={moment}"
            if word.startswith("--target=")
            else word
            for word in restore
        ]
        # Our marker and password, so that the same code starts the restored cluster.
        drill.mkdir()
        for name in ("howdah-embedded.json", "password"):
            shutil.copy(root / "main" / name, drill / name)
        (drill / "data").mkdir(mode=0o700)
        run(restore)
        restored = start_embedded(
            drill,
            bindir=binaries.bindir,
            durable=False,
            settings={"wal_level": "replica", "max_wal_senders": "4"},
            end_with_parent=True,
        )
        try:
            with psycopg.connect(restored.conninfo(), autocommit=True) as connection:
                # It answers questions before it has come to the moment.
                deadline = time.monotonic() + 60
                while connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
                answer = connection.execute("SELECT count(*), sum(i) FROM kept").fetchone()
            seconds = time.monotonic() - began
            # 1 + … + 20000, by Gauss.
            assert answer == (20000, 20000 * 20001 // 2)
            print(f"point-in-time recovery took {seconds:.1f} s")
        finally:
            restored.stop(mode="immediate")


def test_an_archive_that_fails_is_told_by_health() -> None:
    with tempfile.TemporaryDirectory(prefix="howdah-archive-", ignore_cleanup_errors=True) as place:
        server = start_embedded(
            Path(place) / "pg",
            durable=False,
            settings={
                "wal_level": "replica",
                "max_wal_senders": "2",
                "archive_mode": "on",
                "archive_command": "false",
                "shared_buffers": "32MB",
            },
            end_with_parent=True,
        )
        try:
            with psycopg.connect(server.conninfo(), autocommit=True) as connection:
                connection.execute("CREATE TABLE t AS SELECT 1")
                connection.execute("SELECT pg_switch_wal()")
                deadline = time.monotonic() + 60
                query = "SELECT failed_count > 0 FROM pg_stat_archiver"
                while connection.execute(query).fetchone() != (True,):
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
            report = check_health(server.conninfo())
            found = {check.name: check for check in report.checks}
            assert found["postgresql:archive"].status == "warn"
            assert "archive" in found["postgresql:archive"].output
            assert report.exit_status == 0
        finally:
            server.stop(mode="immediate")
