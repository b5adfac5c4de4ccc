"""A service that is told to end ends at once where nothing is under way."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from support.content import PLATFORM

#: Far more than it takes, and less than any of the waits that there were.
_AT_ONCE_SECONDS = 3.0


@contextmanager
def _silent_server() -> Iterator[str]:
    """Something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"postgresql://nobody:nothing@127.0.0.1:{listener.getsockname()[1]}/nowhere"


def _seconds_to_end(target: str, *, asks: bool) -> float:
    command = [sys.executable, "-m", "howdah", "serve", target, "--content", str(PLATFORM)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--admin-port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PGCONNECT_TIMEOUT": "30"},
    )
    try:
        assert process.stdout is not None
        report = json.loads(process.stdout.readline())
        with httpx.Client() as api, httpx.Client() as admin:
            assert admin.get(f"{report['admin_url']}/livez").status_code == 200
            if asks:
                assert api.get(f"{report['url']}/api/agents").status_code == 200
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            return time.monotonic() - began
    finally:
        process.kill()
        process.wait()


def test_it_ends_at_once_with_clients_that_only_hold_on(strapi_database: str) -> None:
    assert _seconds_to_end(strapi_database, asks=True) < _AT_ONCE_SECONDS


def test_it_ends_at_once_while_it_waits_for_a_silent_database() -> None:
    with _silent_server() as target:
        assert _seconds_to_end(target, asks=False) < _AT_ONCE_SECONDS
