"""Signals that come while a child is started are not lost."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_PROGRAM = """
import os, signal
from howdah.process.interrupts import deaf_children
with deaf_children():
    os.kill(os.getpid(), signal.{name})
    print("within", flush=True)
print("after", flush=True)
"""


@pytest.mark.parametrize(
    ("name", "status"), [("SIGTERM", -signal.SIGTERM), ("SIGINT", -signal.SIGINT)], ids=["term", "int"]
)
def test_a_program_that_handles_no_signal_ends_by_it_after_the_block(name: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(name=name)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("within\n", status)
