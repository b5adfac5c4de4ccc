"""
With which rights to start a server: PostgreSQL refuses to run as root.

As an ordinary user there is nothing to do. As root, in this order: be another user
by name only, in a user namespace (Linux), which keeps access to root's files; become
an existing unprivileged account, where it can reach the programs and the data; become
it and keep root's access to files (Linux, in containers that forbid namespaces).
No account is created and no mode of a parent directory is changed.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from howdah.errors import EnvironmentFailedError
from howdah.postgres import launch

_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, kw_only=True)
class Rights:
    """How to start a program; the default is as we are."""

    #: "same", "namespace", "account" or "account-with-files".
    kind: str = "same"
    uid: int | None = None
    gid: int | None = None
    account: str = ""

    @property
    def owner(self) -> tuple[int, int] | None:
        """User and group id that files must be given to before the program starts; None for no change."""
        if self.kind in ("account", "account-with-files"):
            assert self.uid is not None
            assert self.gid is not None
            return self.uid, self.gid
        return None

    def command(
        self, program: Sequence[str], *, end_with_parent: bool = False, require: Sequence[Path] = ()
    ) -> list[str]:
        """
        Return the argument list that starts `program` with these rights.

        With `end_with_parent` the program is told to shut down at once when this process dies
        (Linux). `require` names directories that it must be able to enter.
        """
        options: dict[str, object] = {}
        if self.kind != "same":
            options |= {"uid": self.uid, "gid": self.gid}
        if self.kind == "namespace":
            options["namespace"] = True
        if self.kind == "account-with-files":
            options["keep_file_access"] = True
        if end_with_parent and sys.platform.startswith("linux"):
            # SIGQUIT is PostgreSQL's immediate shutdown.
            options |= {"end_with_parent": int(signal.SIGQUIT), "parent": os.getpid()}
        if require:
            options["require"] = [str(path) for path in require]
        if not options:
            return list(program)
        return [sys.executable, "-I", "-S", launch.__file__, json.dumps(options), *program]


def choose_rights(bindir: Path, directory: Path, *, kind: str | None = None) -> Rights:
    """
    Find the rights with which the server in `bindir` can run on data in `directory` (which must exist).

    Only root has a choice. `kind` allows that one way alone. Each way is tried by asking
    postgres for its version. Raises EnvironmentFailedError (E-103) with what every way answered.
    """
    if os.geteuid() != 0:
        return Rights()
    answers: list[str] = []
    for rights in _candidates(kind):
        command = rights.command(
            [str(bindir / "postgres"), "--version"], require=(bindir, *_reached_through(directory))
        )
        probe = subprocess.run(command, capture_output=True, text=True, check=False)
        if probe.returncode == 0:
            return rights
        who = f" {rights.account}" if rights.account else ""
        answers.append(f"{rights.kind}{who}: {probe.stderr.strip() or f'exit status {probe.returncode}'}")
    raise EnvironmentFailedError(
        "E-103",
        "PostgreSQL does not run as root, and no way was found to start it with fewer rights.",
        detail="; ".join(answers) + "." if answers else "No unprivileged account exists.",
        hint="Run as an ordinary user, or set HOWDAH_HOME to a directory that the account nobody can reach.",
    )


def _reached_through(directory: Path) -> tuple[Path, ...]:
    # The directory itself changes hands before the server starts; its parent is what must be open.
    return (directory.parent,)


def _candidates(kind: str | None) -> Iterator[Rights]:
    accounts = [entry for name in _ACCOUNTS if (entry := _account(name)) is not None]
    if kind in (None, "namespace") and accounts and sys.platform.startswith("linux"):
        # initdb looks its user up by id, so the id inside must be one that has a name.
        entry = accounts[-1]
        yield Rights(kind="namespace", uid=entry.pw_uid, gid=entry.pw_gid)
    for wanted in ("account", "account-with-files"):
        if kind not in (None, wanted) or (wanted == "account-with-files" and sys.platform == "darwin"):
            continue
        for entry in accounts:
            yield Rights(kind=wanted, uid=entry.pw_uid, gid=entry.pw_gid, account=entry.pw_name)


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return entry if entry.pw_uid != 0 else None
