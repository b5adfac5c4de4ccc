"""Temporary directories of a process that was killed are removed by the next one; those in use are not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from howdah.ops.workspace import remove_unrecorded, run_workspace
from howdah.scratch import lock_directory, scratch_directory


def _die_within(place: Path) -> Path:
    """Let a child be killed while it holds a scratch directory; return that directory."""
    child = os.fork()
    if child == 0:
        with scratch_directory("work-", place) as path:
            (path / "half").write_text("written")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = place.iterdir()
    assert (left / "half").read_text() == "written"
    return left


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    left = _die_within(tmp_path)
    other = tmp_path / "workshop"
    other.mkdir()
    with scratch_directory("work-", tmp_path) as first:
        assert not left.exists()
        with scratch_directory("work-", tmp_path) as second:
            assert first.is_dir()
            assert second.is_dir()
            assert first != second
    assert list(tmp_path.iterdir()) == [other]


def test_runs_that_no_ledger_knows_are_removed_and_no_other(tmp_path: Path) -> None:
    def begin(name: str, target: str | None) -> Path:
        workspace = run_workspace(tmp_path, name)
        workspace.create()
        (workspace.path / "snapshot.sqlite").write_text("a copy")
        if target is not None:
            workspace.announce(target)
        return workspace.path

    preparing, lost, known, elsewhere, finished, working = (
        begin("preparing", ""),
        begin("lost", "one"),
        begin("known", "one"),
        begin("elsewhere", "two"),
        begin("finished", None),
        begin("working", ""),
    )
    lock = lock_directory(working)
    assert lock is not None

    remove_unrecorded(tmp_path, "one", {"known"})

    os.close(lock)
    assert not preparing.exists()
    assert not lost.exists()
    assert not (known / "unrecorded").exists()
    assert all((path / "snapshot.sqlite").exists() for path in (known, elsewhere, finished, working))
    # A server that does not tell who it is can be mistaken for no other.
    run_workspace(tmp_path, "elsewhere").announce("unknown")
    remove_unrecorded(tmp_path, "", set())
    assert elsewhere.exists()
