"""Setting up says what is missing instead of failing somewhere inside pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.shared import shared_path

pytestmark = pytest.mark.long

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a directory with nothing but what setting up needs."""
    checkout = tmp_path / "checkout with a space"
    (checkout / ".ci").mkdir(parents=True)
    shutil.copy(REPOSITORY / ".ci" / "make-venv", checkout / ".ci")
    return checkout


def make_command(directory: Path, name: str, script: str) -> None:
    directory.mkdir(exist_ok=True)
    command = directory / name
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def set_up(checkout: Path, commands: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script where only `commands` and the system's basic tools are found."""
    for tool in ("sh", "dirname", "rm", "echo"):
        if not (commands / tool).exists():
            (commands / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    return subprocess.run(
        [str(checkout / ".ci" / "make-venv"), ".venv"],
        env={"PATH": str(commands), "HOME": str(checkout), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_python_that_is_too_old_is_named_and_nothing_is_made(checkout: Path, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    make_command(commands, "python3", 'case "$1" in --version) echo "Python 3.9.2";; *) exit 1;; esac')
    finished = set_up(checkout, commands)
    assert finished.returncode == 2
    assert "no Python 3.11 or newer was found (python3 is Python 3.9.2)" in finished.stderr
    assert "make PYTHON=" in finished.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_can_make_no_environment_says_which_package_is_missing(
    checkout: Path, tmp_path: Path
) -> None:
    commands = tmp_path / "commands"
    # As on Debian without python3-venv: -c works, -m venv and -m pip do not.
    make_command(commands, "python3", 'case "$1" in -c) exit 0;; *) exit 1;; esac')
    finished = set_up(checkout, commands)
    assert finished.returncode == 2
    assert "Install the package python3-venv" in finished.stderr
    assert not (checkout / ".venv").exists()


def test_an_environment_whose_python_is_gone_is_made_again(checkout: Path, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    make_command(commands, "python3", "exit 1")
    make_command(checkout / ".venv", "left-over", "exit 0")
    make_command(checkout / ".venv" / "bin", "python", "exit 1")
    assert set_up(checkout, commands).returncode == 2
    assert not (checkout / ".venv" / "left-over").exists()


def test_the_chosen_python_comes_first(checkout: Path, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    make_command(commands, "python3", "exit 1")
    make_command(
        tmp_path / "chosen", "python", f'echo "$@" >> "{tmp_path}/calls"; exec "{sys.executable}" "$@"'
    )
    # The package itself is not there to be installed: only the choice is looked at.
    set_up(checkout, commands, PYTHON=os.fspath(tmp_path / "chosen" / "python"), PIP_NO_INDEX="1")
    assert "-m venv .venv" in (tmp_path / "calls").read_text()
    assert (checkout / ".venv" / "bin" / "python").exists()


def test_shared_files_that_are_missing_are_a_failure_and_not_a_skip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_SHARED", str(tmp_path / "nowhere"))
    with pytest.raises(AssertionError, match="HOWDAH_SHARED"):
        shared_path("databases", "chinook.sqlite")
