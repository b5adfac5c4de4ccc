"""
Killed, or failed by the disk, at every step: loud or whole, the last good backup stays, the next one works.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from howdah.archive.disk_store import DiskStore
from howdah.archive.lease import hold_lease
from howdah.archive.manifest import seal_manifest
from howdah.archive.repository import Repository
from howdah.errors import EnvironmentFailedError, HowdahError, RefusedError
from howdah.ops.backup import BackupRequest, backup
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.target import TargetRequest
from support.archives import Kept, ask, databases
from support.program import Program

#: What changes a disk: after each of them a power cut may come.
CALLS = ("fsync", "rename", "replace", "unlink", "mkdir", "open", "rmdir")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE item AS SELECT 1 AS one")
    connection.close()
    return path


@pytest.fixture
def howdah(tmp_path: Path) -> Program:
    return Program(directory=tmp_path, home=tmp_path / "home")


def request_for(app: Path, repo: Path) -> BackupRequest:
    return BackupRequest(
        repository=RepositoryRequest(location=str(repo)), target=TargetRequest(target=str(app))
    )


def after_calls(count: int, act: Callable[[], None]) -> Callable[[], None]:
    """Make the operating system's call number `count` (and those after it) act first; return the undoing."""
    made = 0
    originals = {name: getattr(os, name) for name in CALLS}

    def wrap(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal made
            if name != "open" or arguments[1] & (os.O_WRONLY | os.O_RDWR):
                made += 1
                if made >= count:
                    act()
            return originals[name](*arguments, **options)

        return call

    for name in CALLS:
        setattr(os, name, wrap(name))

    def undo() -> None:
        for name, original in originals.items():
            setattr(os, name, original)

    return undo


def backup_killed_at(request: BackupRequest, count: int) -> bool:
    """Run a backup in a child that is gone at its call number `count`; tell whether it came that far."""
    child = os.fork()
    if child == 0:
        after_calls(count, lambda: os._exit(9))
        try:
            backup(request)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), code
    return code == 9


def require_sound(repository: Repository, known: set[str]) -> None:
    """Every backup that is listed is whole, and none that was known is gone."""
    listed = repository.list_backups()
    assert known <= {item.id for item in listed}
    for item in listed:
        assert item.manifest is not None
        repository.check_files(item.manifest)


def test_killed_at_every_step_nothing_half_is_ever_a_backup(app: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    request = request_for(app, repo)
    repository = Repository(DiskStore(repo), "app")
    known = {backup(request).backup}
    count = 0
    while True:
        count += 1
        if not backup_killed_at(request, count):
            break
        require_sound(repository, known)
        known = set(repository.ids())
    assert count > 20
    # The next one takes the dead one's lease over, works, and clears what was left.
    report = backup(request)
    require_sound(repository, known | {report.backup})
    assert report.status == "verified"
    left = {path.name for path in (repo / "app").iterdir() if not path.name.endswith(".tmp")}
    assert left == {"backups", "drills", ".lease.json.guard"}


def test_a_disk_that_fails_at_every_step_is_said_and_harms_nothing(app: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    request = request_for(app, repo)
    repository = Repository(DiskStore(repo), "app")
    known = {backup(request).backup}
    failures = 0
    for count in range(1, 400, 3):

        def fail() -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        undo = after_calls(count, fail)
        try:
            backup(request)
        except (HowdahError, OSError) as error:
            failures += 1
            status = getattr(error, "exit_status", 7)
            assert status == 7
        else:
            undo()
            break
        finally:
            undo()
        require_sound(repository, known)
        known = set(repository.ids())
    assert failures > 10
    assert backup(request).status == "verified"
    require_sound(repository, known)


def test_too_little_space_for_another_backup_is_said_before_anything_is_read(
    kept: Kept, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "howdah.ops.backup.shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10**6)
    )
    request = BackupRequest(repository=kept.request, target=TargetRequest(target=database))
    with pytest.raises(EnvironmentFailedError, match="too little space"):
        backup(request)
    assert kept.repository.ids() == [kept.id]


def test_a_clock_behind_the_newest_backup_is_refused(
    kept: Kept, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime as clock

    class Earlier(clock.datetime):
        @classmethod
        def now(cls, tz: clock.tzinfo | None = None) -> Earlier:
            return cls(2001, 1, 1, tzinfo=tz)

    monkeypatch.setattr("howdah.ops.backup.datetime", Earlier)
    request = BackupRequest(repository=kept.request, target=TargetRequest(target=database))
    with pytest.raises(RefusedError, match="clock of this machine is behind"):
        backup(request)


def test_a_lease_is_refused_while_its_holder_lives_and_taken_over_when_it_is_dead(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "repo")
    second = hold_lease(store, "app/lease.json")
    with hold_lease(store, "app/lease.json"), pytest.raises(RefusedError) as refused:
        second.__enter__()
    assert f"Process {os.getpid()}" in refused.value.detail
    child = os.fork()
    if child == 0:
        third = hold_lease(store, "app/lease.json")
        third.__enter__()
        os._exit(0)
    os.waitpid(child, 0)
    assert store.read("app/lease.json") is not None
    with hold_lease(store, "app/lease.json"):
        pass
    assert store.read("app/lease.json") is None


def test_who_lost_the_lease_publishes_nothing(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine slept; another one took over."""
    repo = tmp_path / "repo"
    store = DiskStore(repo)

    def seal(*arguments: Any) -> bytes:
        store.write("app/lease.json", b'{"owner": "somebody else"}')
        return seal_manifest(*arguments)

    monkeypatch.setattr("howdah.archive.repository.seal_manifest", seal)
    with pytest.raises(RefusedError, match="took this repository over"):
        backup(request_for(app, repo))
    assert Repository(store, "app").ids() == []


def slow_pg_dump(tmp_path: Path, bindir: Path) -> Path:
    """Programs whose pg_dump writes something and then takes its time."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pg_restore").symlink_to(bindir / "pg_restore")
    fake = programs / "pg_dump"
    fake.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then exec {bindir}/pg_dump --version; fi\n'
        f'for word in "$@"; do case "$word" in --file=*) echo half > "${{word#--file=}}";; esac; done\n'
        f"echo $$ > {tmp_path}/dumping\nexec sleep 600\n"
    )
    fake.chmod(0o755)
    return programs


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_while_pg_dump_runs_the_program_ends_too_and_the_next_backup_works(
    howdah: Program, sample: str, tmp_path: Path, server: Any
) -> None:
    programs = slow_pg_dump(tmp_path, server.bindir)
    repo = tmp_path / "repo"
    process = howdah.start(
        "backup", sample, "--repo", repo, "--name", "app", "--pg-bindir", programs,
        env={"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    wait_for((tmp_path / "dumping").exists)
    dumping = int((tmp_path / "dumping").read_text())
    # Nothing secret in the arguments or the environment of pg_dump.
    told = Path(f"/proc/{dumping}/cmdline").read_bytes() + Path(f"/proc/{dumping}/environ").read_bytes()
    assert server.embedded.password.encode() not in told
    # Nor does a killed process leave it on a disk.
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".py"]
    assert all(server.embedded.password.encode() not in path.read_bytes() for path in written)
    process.kill()
    process.communicate()
    wait_for(lambda: not Path(f"/proc/{dumping}").exists())
    assert Repository(DiskStore(repo), "app").ids() == []
    done = howdah.run("backup", sample, "--repo", repo, "--name", "app", "--drill", "never")
    assert done.status == 0, done.err
    assert not (repo / "app" / "partial").exists()


def test_a_restore_that_is_interrupted_drops_what_it_made_and_touches_nothing(
    howdah: Program, kept: Kept, sample: str, tmp_path: Path, server: Any
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    fake = programs / "pg_restore"
    fake.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--section=data*) echo $$ > {tmp_path}/restoring; exec sleep 600;; esac\n'
        f'exec {server.bindir}/pg_restore "$@"\n'
    )
    fake.chmod(0o755)
    before, rows = databases(server.dsn()), ask(sample, "SELECT sum(id) FROM orders")
    process = howdah.start(
        "restore", "latest", sample, "--repo", kept.path, "--replace", "--pg-bindir", programs
    )
    wait_for((tmp_path / "restoring").exists)
    assert databases(server.dsn()) != before
    process.terminate()
    _, errors = process.communicate()
    assert process.returncode == 6, errors
    assert databases(server.dsn()) == before
    assert ask(sample, "SELECT sum(id) FROM orders") == rows
