"""
The lease of a repository: of two who would back up or remove, one does.

A small file that is created only where there is none, renewed while the work goes on, and
taken over where its holder is certainly gone: its time has run out, or it was a process of
this machine that no longer lives. Whoever publishes or removes asks first whether the lease is still theirs.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from howdah.archive.manifest import read_moment, write_moment
from howdah.archive.store import Stamped, Store
from howdah.errors import HowdahError, RefusedError

#: A holder that was not heard of for so long is gone.
_VALID = timedelta(minutes=10)
#: Seconds between two renewals.
_RENEWED = 60.0


#: Owners of the leases that this process holds now. One of ours that is not in here could not be given back.
_held: set[str] = set()


class Lease:
    """A lease that is held; see `hold_lease`."""

    def __init__(self, store: Store, name: str, owner: str) -> None:
        self._store, self._name, self._owner = store, name, owner
        self._lost = False

    def require(self) -> None:
        """Raise RefusedError (B-111) unless the lease is still ours."""
        found = self._store.read(self._name)
        if self._lost or found is None or _read(found).get("owner") != self._owner:
            raise RefusedError(
                "B-111",
                "Another Howdah took this repository over in the meantime.",
                detail="Nothing was published or removed after that.",
                hint="Was this machine asleep for minutes? Run the same command again.",
            )

    def renew(self) -> None:
        """Move the end of the lease on."""
        found = self._store.read(self._name)
        ours = found is not None and _read(found).get("owner") == self._owner
        if (
            not ours
            or found is None
            or not self._store.replace(self._name, _describe(self._owner), found.token)
        ):
            self._lost = True


@contextmanager
def hold_lease(store: Store, name: str) -> Iterator[Lease]:
    """
    Hold the lease whose file is `name` until the block ends.

    Raises RefusedError (B-110) that says who holds it.
    """
    owner = secrets.token_hex(8)
    _acquire(store, name, owner)
    _held.add(owner)
    lease, done = Lease(store, name, owner), threading.Event()

    def keep() -> None:
        while not done.wait(_RENEWED):
            # A store that fails for a moment is tried again; `require` has the last word.
            with suppress(HowdahError):
                lease.renew()

    threading.Thread(target=keep, name="howdah-lease", daemon=True).start()
    try:
        yield lease
    finally:
        done.set()
        _held.discard(owner)
        found = store.read(name)
        if found is not None and _read(found).get("owner") == owner:
            store.delete(name)


def _acquire(store: Store, name: str, owner: str) -> None:
    content = _describe(owner)
    for _ in range(3):
        if store.create(name, content):
            return
        found = store.read(name)
        if found is None:
            continue
        holder = _read(found)
        if not _is_gone(holder):
            raise RefusedError(
                "B-110",
                "Another Howdah is working on this repository.",
                detail=f"Process {holder.get('pid')} on {holder.get('host')}, since {holder.get('since')};"
                f" its lease ends at {holder.get('expires')} unless it is renewed.",
                hint="Wait for it. A lease whose holder died is taken over by itself.",
            )
        if store.replace(name, content, found.token):
            return
    raise RefusedError(
        "B-110", "Another Howdah has just begun to work on this repository.", hint="Try again."
    )


def _describe(owner: str) -> bytes:
    now = datetime.now(UTC)
    return json.dumps(
        {
            "owner": owner,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "boot": _boot_id(),
            "began": _began(os.getpid()),
            "since": write_moment(now),
            "expires": write_moment(now + _VALID),
        }
    ).encode()


def _read(found: Stamped) -> dict[str, Any]:
    try:
        content = json.loads(found.content)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _is_gone(holder: dict[str, Any]) -> bool:
    try:
        if read_moment(holder["expires"]) < datetime.now(UTC):
            return True
    except (KeyError, TypeError, ValueError):
        # Nobody wrote this half: files appear whole.
        return True
    boot = _boot_id()
    if not boot or holder.get("boot") != boot or holder.get("host") != socket.gethostname():
        return False
    process = holder.get("pid")
    if process == os.getpid():
        return holder.get("owner") not in _held
    # The same number may have been given to another process since.
    return not isinstance(process, int) or _began(process) != holder.get("began")


def _boot_id() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _began(process: int) -> str:
    """Return when a process began, in the kernel's count since boot; "" where there is none."""
    with suppress(OSError, IndexError):
        # The second field is a name in parentheses that may hold spaces.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
