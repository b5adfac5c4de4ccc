"""The embedded server's life: made, started, attached to, stopped, killed, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from howdah.errors import EnvironmentFailedError, RefusedError
from howdah.postgres.embedded import EmbeddedServer, find_embedded, start_embedded, stop_embedded

pytestmark = pytest.mark.long

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path for an embedded server; whatever runs there is stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="howdah-emb-", ignore_cleanup_errors=True) as directory:
        path = Path(directory) / "pg"
        yield path
        if find_embedded(path) is not None:
            stop_embedded(path, mode="immediate")


def start(place: Path, **options: object) -> EmbeddedServer:
    return start_embedded(place, durable=False, **options)  # type: ignore[arg-type]


def ask(server: EmbeddedServer, query: str, dbname: str = "postgres") -> object:
    with psycopg.connect(server.conninfo(dbname)) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def test_a_new_server_is_private_and_answers_only_to_its_password(place: Path) -> None:
    server = start(place)
    assert server.started_here
    assert 0 < server.seconds < 60
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW server_encoding") == "UTF8"
    assert ask(server, "SHOW password_encryption") == "scram-sha-256"
    assert ask(server, "SHOW wal_level") == "minimal"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "password").stat().st_mode) == 0o600
    wrong = server.conninfo().replace(server.password, "not-" + server.password)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    hba = (place / "data" / "pg_hba.conf").read_text().splitlines()
    methods = {line.split()[-1] for line in hba if line.strip() and not line.startswith("#")}
    assert methods == {"scram-sha-256"}


def test_the_password_is_in_no_argument_list_and_not_in_the_log(place: Path) -> None:
    server = start(place)
    arguments = subprocess.run(
        ["ps", "axww", "-o", "command"], capture_output=True, text=True, check=True
    ).stdout
    assert str(place) in arguments
    assert server.password not in arguments
    assert server.password not in server.log.read_text()


def test_text_sorts_by_bytes_and_upper_case_knows_unicode(place: Path) -> None:
    server = start(place)
    assert ask(server, "SELECT 'B' < 'a'") is True
    assert ask(server, "SELECT upper('äé')") == "ÄÉ"


def test_the_url_leads_to_the_server_too(place: Path) -> None:
    server = start(place)
    with psycopg.connect(server.url) as connection:
        assert connection.info.dbname == "postgres"


def test_tcp_is_loopback_only_and_on_request(place: Path) -> None:
    server = start(place, tcp_port=0)
    assert server.host == "127.0.0.1"
    assert ask(server, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server, "SELECT inet_server_port()") == server.port


def test_starting_a_running_server_attaches_to_it(place: Path) -> None:
    first = start(place)
    second = start(place)
    assert second.pid == first.pid
    assert not second.started_here
    assert find_embedded(place) is not None
    with pytest.raises(RefusedError) as refused:
        start(place, tcp_port=0)
    assert refused.value.code == "E-111"


def test_data_survives_stop_and_start(place: Path) -> None:
    server = start(place)
    with psycopg.connect(server.conninfo()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS a")
    server.stop()
    assert find_embedded(place) is None
    assert stop_embedded(place) is False
    assert ask(start(place), "SELECT a FROM kept") == 42


def test_two_processes_that_start_at_once_share_one_server(place: Path) -> None:
    program = (
        "import sys; from howdah.postgres.embedded import start_embedded;"
        "s = start_embedded(sys.argv[1], durable=False); print(s.pid, s.started_here)"
    )

    def run(_: int) -> str:
        command = [sys.executable, "-c", program, str(place)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with ThreadPoolExecutor(3) as executor:
        answers = [line.split() for line in executor.map(run, range(3))]
    assert len({pid for pid, _ in answers}) == 1
    assert sorted(started for _, started in answers) == ["False", "False", "True"]


@pytest.mark.parametrize("content", ["PG_VERSION", "somebody.txt"])
def test_a_directory_that_is_not_ours_is_refused_and_left_alone(place: Path, content: str) -> None:
    place.mkdir()
    (place / content).write_text("15\n")
    place.chmod(0o755)
    with pytest.raises(RefusedError) as refused:
        start(place)
    assert refused.value.code == "E-104"
    assert os.listdir(place) == [content]
    assert stat.S_IMODE(place.stat().st_mode) == 0o755
    with pytest.raises(RefusedError):
        stop_embedded(place)


def test_a_marker_of_another_program_is_not_ours(place: Path) -> None:
    place.mkdir()
    (place / "howdah-embedded.json").write_text(json.dumps({"made_by": "somebody"}))
    with pytest.raises(RefusedError):
        start(place)


def test_a_server_for_throw_away_data_is_never_taken_for_a_lasting_one(place: Path) -> None:
    server = start(place)
    assert ask(server, "SHOW fsync") == "off"
    with pytest.raises(RefusedError) as refused:
        start_embedded(place, durable=True)
    assert refused.value.code == "E-105"


def test_a_lasting_server_syncs(place: Path) -> None:
    assert ask(start_embedded(place), "SHOW fsync") == "on"


def test_a_killed_server_starts_again_with_its_data(place: Path) -> None:
    server = start_embedded(place)
    with psycopg.connect(server.conninfo()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS a")
    os.kill(server.pid, signal.SIGKILL)
    os.waitpid(server.pid, 0)
    assert (place / "data" / "postmaster.pid").exists()
    again = start_embedded(place)
    assert again.started_here
    assert ask(again, "SELECT a FROM kept") == 42


def test_a_stale_pid_that_another_process_has_now_does_not_matter(place: Path) -> None:
    server = start(place)
    left_behind = (place / "data" / "postmaster.pid").read_text()
    server.stop()
    reused = str(os.getpid())
    (place / "data" / "postmaster.pid").write_text(left_behind.replace(str(server.pid), reused, 1))
    os.chown(place / "data" / "postmaster.pid", *_owner(place / "data"))
    assert find_embedded(place) is None
    assert ask(start(place), "SELECT 1") == 1


@pytest.mark.parametrize("left", ["", "12345\n", "no pid\n"])
def test_a_pid_file_that_was_not_written_to_its_end_does_not_matter(place: Path, left: str) -> None:
    start(place).stop()
    pid_file = place / "data" / "postmaster.pid"
    pid_file.write_text(left)
    os.chown(pid_file, *_owner(place / "data"))
    assert find_embedded(place) is None
    assert ask(start(place), "SELECT 1") == 1


def test_a_lock_of_its_socket_that_another_process_has_now_does_not_matter(place: Path) -> None:
    server = start(place)
    (lock,) = server.socket_directory.glob("*.lock")
    left_behind, owner = lock.read_text(), _owner(lock)
    server.stop()
    lock.write_text(left_behind.replace(str(server.pid), str(os.getpid()), 1))
    os.chown(lock, *owner)
    assert ask(start(place), "SELECT 1") == 1


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


def test_a_cluster_that_was_not_finished_is_made_anew(place: Path) -> None:
    start(place).stop()
    # As if the process had been killed in initdb: the final name does not exist yet.
    os.rename(place / "data", place / "data.new")
    (place / "data.new" / "PG_VERSION").unlink()
    assert ask(start(place), "SELECT 1") == 1
    assert not (place / "data.new").exists()


def test_a_server_that_cannot_start_says_what_its_log_says(place: Path) -> None:
    with pytest.raises(EnvironmentFailedError) as failed:
        start(place, settings={"shared_buffers": "nonsense"})
    assert failed.value.code == "E-107"
    assert "shared_buffers" in failed.value.detail


def test_a_disk_without_space_is_found_before_anything_is_made(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The limit goes up instead of the disk filling up.
    monkeypatch.setattr("howdah.postgres.cluster._FREE_BYTES_MIN", 2**62)
    with pytest.raises(EnvironmentFailedError) as failed:
        start(place)
    assert failed.value.code == "E-106"
    assert not (place / "data").exists()


def test_a_path_too_long_for_a_socket_gets_a_short_one(place: Path) -> None:
    deep = place.parent / ("d" * 90) / "pg"
    server = start_embedded(deep, durable=False)
    try:
        assert len(str(server.socket_directory)) < 80
        assert stat.S_IMODE(server.socket_directory.stat().st_mode) == 0o700
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop(mode="immediate")
        server.socket_directory.rmdir()


def test_somebody_elses_variables_do_not_reach_the_server(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nonexistent")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    assert ask(start(place), "SELECT 1") == 1


def test_each_major_at_hand_can_be_embedded(any_server_database: str) -> None:
    with psycopg.connect(any_server_database) as connection:
        assert connection.execute("SELECT upper('ä'), 'B' < 'a'").fetchone() == ("Ä", True)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the kernel of Linux tells of a parent's death"
)
def test_a_server_that_is_tied_to_its_process_ends_with_it(place: Path) -> None:
    program = (
        "import sys, os, signal; from howdah.postgres.embedded import start_embedded;"
        "print(start_embedded(sys.argv[1], durable=False, end_with_parent=True).pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(place)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while find_embedded(place) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@needs_root
def test_a_server_that_is_tied_to_its_process_outlives_the_thread_that_started_it(place: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        server = threads.submit(start, place, end_with_parent=True).result()
    # The thread has ended. A server that got the death signal says so in its log before anything else.
    with psycopg.connect(server.conninfo()) as connection:
        assert connection.execute("SELECT pg_sleep(0.5)").fetchone() is not None
    assert "shutdown request" not in server.log.read_text()
    found = find_embedded(place)
    assert found is not None
    assert found.pid == server.pid


def test_a_server_that_is_stopping_is_waited_for_and_started_again(place: Path) -> None:
    stopping = start(place)
    with psycopg.connect(stopping.conninfo()) as connection:
        os.kill(stopping.pid, signal.SIGTERM)  # waits for the session
        while (place / "data" / "postmaster.pid").read_text().splitlines()[7].strip() != "stopping":
            time.sleep(0.01)
        with ThreadPoolExecutor(1) as threads:
            again = threads.submit(start, place)
            time.sleep(0.2)
            assert not again.done()
            connection.close()
            assert again.result().pid != stopping.pid
    assert ask(again.result(), "SELECT 1") == 1


def test_root_becomes_another_user_by_name_only(place: Path) -> None:
    server = start(place, rights="namespace")
    assert ask(server, "SELECT 1") == 1
    assert _real_uid(server.pid) == 0
    assert _owner(place / "data")[0] == 0


@needs_root
def test_root_becomes_an_account_that_can_reach_the_data(place: Path) -> None:
    place.parent.chmod(0o755)
    server = start(place, rights="account")
    assert ask(server, "SELECT 1") == 1
    assert _real_uid(server.pid) != 0
    assert _owner(place / "data")[0] == _real_uid(server.pid)
    # The parent is as it was.
    assert _owner(place.parent)[0] == 0


@needs_root
def test_an_account_that_cannot_reach_the_data_is_not_chosen(place: Path) -> None:
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    with pytest.raises(EnvironmentFailedError) as failed:
        start(place, rights="account")
    assert failed.value.code == "E-103"
    assert "out of reach" in failed.value.detail
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


@needs_root
def test_an_account_may_keep_access_to_files_where_namespaces_are_forbidden(place: Path) -> None:
    server = start(place, rights="account-with-files")
    assert ask(server, "SELECT 1") == 1
    assert _real_uid(server.pid) != 0
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


@needs_root
def test_data_follow_from_one_way_of_running_to_the_other(place: Path) -> None:
    place.parent.chmod(0o755)
    for rights in ("namespace", "account", "namespace"):
        server = start(place, rights=rights)
        with psycopg.connect(server.conninfo()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (a int)")
        server.stop()


def _real_uid(pid: int) -> int:
    answer = subprocess.run(["ps", "-o", "ruid=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(answer.stdout)


def test_a_socket_directory_that_somebody_else_made_is_not_used(place: Path) -> None:
    # The short directory for deep paths lies in /tmp, where anybody may put a link of that name.
    deep = place.parent / ("e" * 90) / "pg"
    server = start_embedded(deep, durable=False)
    link = server.socket_directory
    server.stop(mode="immediate")
    link.rmdir()
    link.symlink_to(place.parent)
    try:
        with pytest.raises(RefusedError) as refused:
            start_embedded(deep, durable=False)
        assert refused.value.code == "E-112"
    finally:
        link.unlink()
