"""
Which system calls a command makes, by strace, and how to have one of them go wrong.

Only calls that change something, or speak with the server, from the first one on that touches the
world: what Python does while it loads its modules is of no interest here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support.world import World

#: After, or instead of, each of these a process may end.
ENDING = (
    "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "unlinkat", "mkdir", "rmdir",
    "link", "chmod", "fchmod", "sendto", "sendfile", "copy_file_range",
)  # fmt: skip
#: What a full or broken disk answers.
WRITING = ("pwrite64", "fsync", "fdatasync", "ftruncate")
_CALL = re.compile(r"(?:(?:\[pid +)?(\d+)\]? +)?(\w+)\((.*)")


@dataclass(frozen=True)
class SystemCall:
    name: str
    #: How many calls of that name its thread had made, this one included.
    number: int
    shown: str


@cache
def can_trace() -> bool:
    """Whether strace is here, may trace, and may have calls go wrong."""
    if shutil.which("strace") is None:
        return False
    done = subprocess.run(
        [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=write",
            "-e",
            "inject=write:signal=KILL:when=1",
            "echo",
            "alive",
        ],
        capture_output=True,
        check=False,
    )
    return done.returncode != 0 and b"alive" not in done.stdout


def trace(output: Path, names: Sequence[str], *, children: bool) -> list[str]:
    """Return the words that go before a command to have its calls, and its children's, written down."""
    return [
        "strace",
        *(["-f"] if children else []),
        "-qq",
        "-y",
        "-e",
        "signal=none",
        "-e",
        f"trace={','.join(names)}",
        "-o",
        str(output),
    ]


def inject(names: Sequence[str], what: str, *, children: bool) -> list[str]:
    """Return the words that go before a command to have one of its, or its children's, calls go wrong."""
    calls = ",".join(names)
    return [
        "strace", *(["-f"] if children else []), "-qq", "-o", "/dev/null", "-e", "signal=none",
        "-e", f"trace={calls}", "-e", f"inject={calls}:{what}",
    ]  # fmt: skip


def read_trace(output: Path, world: World) -> list[SystemCall]:
    """Return the calls of interest, in order."""
    counts: Counter[tuple[str, str]] = Counter()
    found: list[SystemCall] = []
    touched = False
    for line in output.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        thread, name, rest = match[1] or "", match[2], match[3]
        counts[thread, name] += 1
        touched = touched or str(world.root) in rest or name == "sendto"
        if touched:
            found.append(SystemCall(name, counts[thread, name], rest[:100]))
    return found
