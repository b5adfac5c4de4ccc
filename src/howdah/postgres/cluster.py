"""
The embedded server's directory: whose it is, who may work in it, and how it is made.

A directory becomes ours by a marker that is the first file in it; one that holds anything
else without the marker is refused and left as it is. One process at a time works in it,
by a lock that goes with the process. initdb runs beside the final place, so that a
half-made cluster is never taken for a whole one.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from howdah.errors import EnvironmentFailedError, RefusedError
from howdah.postgres.binaries import ServerBinaries
from howdah.postgres.rights import Rights
from howdah.postgres.server_process import clean_environment, hint_for

#: Name of the superuser and of the database that is always there.
SUPERUSER = "postgres"

MARKER = "howdah-embedded.json"

#: What may be in a directory that is not marked yet.
_LOCK, _MARKER_HALF_WAY = "lock", "lock.new"

#: A fresh cluster takes 40 MB, its first WAL segments as much again.
_FREE_BYTES_MIN = 300 * 1024 * 1024


def claim_directory(directory: Path) -> None:
    """Make the directory if it is new. Raises RefusedError (E-104) where it is somebody else's."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The marker is looked for after the listing, because another process may be putting it there.
    content = set(os.listdir(directory)) - {_LOCK, _MARKER_HALF_WAY}
    if content:
        require_ours(directory)


@contextmanager
def exclusive(directory: Path, timeout: float) -> Iterator[None]:
    """Hold the directory's lock. Raises EnvironmentFailedError (E-109) after `timeout` seconds."""
    with open(directory / _LOCK, "w") as file:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EnvironmentFailedError(
                        "E-109",
                        f"Another process has been starting the embedded server in {directory}"
                        f" for {timeout:.0f} seconds.",
                        hint="Wait for it, or end it, and try again.",
                    ) from None
                time.sleep(0.05)
        yield


def mark_directory(directory: Path, *, durable: bool) -> None:
    """
    Put our marker into a new directory, under the lock.

    Raises RefusedError (E-105) where it was made with the other durability: what ran without fsync
    cannot be trusted later, and what was promised to be safe stays so.
    """
    if not (directory / MARKER).exists():
        os.chmod(directory, 0o700)
        half_way = directory / _MARKER_HALF_WAY
        half_way.write_text(json.dumps({"made_by": "howdah", "durable": durable}))
        os.replace(half_way, directory / MARKER)
    if require_ours(directory).get("durable", True) != durable:
        raise RefusedError(
            "E-105",
            f"The embedded server in {directory} was made for {'throw-away' if durable else 'lasting'} data.",
            detail="Whether it survives a crash is decided when it is made.",
            hint="Choose another directory.",
        )


def require_ours(directory: Path) -> dict[str, object]:
    """Return what the marker says. Raises RefusedError (E-104) where there is none."""
    try:
        marker = json.loads((directory / MARKER).read_text())
    except (OSError, ValueError):
        marker = None
    if not isinstance(marker, dict) or marker.get("made_by") != "howdah":
        raise RefusedError(
            "E-104",
            f"The directory {directory} was not made by Howdah, and is left alone.",
            detail=f"It is not empty and has no {MARKER}.",
            hint="Choose an empty or a new directory, or set HOWDAH_HOME.",
        )
    return marker


def create_cluster(directory: Path, binaries: ServerBinaries, rights: Rights, *, durable: bool) -> None:
    """
    Make the database cluster in `directory`/data, with a random password.

    Raises EnvironmentFailedError where there is too little space (E-106) or initdb fails (E-107).
    """
    free = shutil.disk_usage(directory).free
    if free < _FREE_BYTES_MIN:
        raise EnvironmentFailedError(
            "E-106",
            f"There is too little space for a database server in {directory}.",
            detail=f"Free: {free // 1024**2} MB; needed at least: {_FREE_BYTES_MIN // 1024**2} MB.",
            hint="Make space, or set HOWDAH_HOME to a directory on another disk.",
        )
    making = directory / "data.new"
    if making.exists():  # a process before us was killed
        shutil.rmtree(making)
    password_file = directory / "password"
    password_file.unlink(missing_ok=True)
    with open(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(24))
    output = ""
    for locale in _locales(binaries.major):
        making.mkdir(mode=0o700, exist_ok=True)
        hand_over(directory, rights)
        answer = _run_initdb(making, password_file, binaries, rights, locale, durable=durable)
        output = answer.stderr
        if answer.returncode == 0:
            os.rename(making, directory / "data")
            return
        if "locale" not in output:
            break
    raise EnvironmentFailedError(
        "E-107",
        "The embedded server could not be created.",
        detail="\n".join(output.strip().splitlines()[-10:]),
        hint=hint_for(output),
    )


def hand_over(directory: Path, rights: Rights) -> None:
    """Give everything in our directory to the user that the server will run as, where that is not so yet."""
    if os.geteuid() != 0:
        return
    uid, gid = rights.owner if rights.owner is not None else (0, 0)
    for place, directories, files in os.walk(directory):
        for path in (place, *(os.path.join(place, name) for name in (*directories, *files))):
            if os.lstat(path).st_uid != uid:
                os.lchown(path, uid, gid)


def _run_initdb(
    making: Path,
    password_file: Path,
    binaries: ServerBinaries,
    rights: Rights,
    locale: tuple[str, ...],
    *,
    durable: bool,
) -> subprocess.CompletedProcess[str]:
    command = [
        binaries.program("initdb"),
        f"--pgdata={making}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-instructions",
        *locale,
        *(() if durable else ("--no-sync",)),
    ]
    return subprocess.run(
        rights.command(command),
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
        cwd="/",
        stdin=subprocess.DEVNULL,
    )


def _locales(major: int) -> Iterator[tuple[str, ...]]:
    """Yield initdb's locale options, the best first: text in bytewise order, letters by Unicode."""
    if major >= 17:
        # PostgreSQL's own, the same on every machine.
        yield ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    yield ("--locale=C.UTF-8", "--lc-messages=C")
    yield ("--no-locale",)
