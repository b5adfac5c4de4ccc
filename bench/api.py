"""
The content API under load: wrk on three requests, the service and PostgreSQL on the same machine.

    python -m bench.api [--seconds 10] [--connections 16]

Brings up the example's platform as `make platform` does, warms it up, and asks for 25 agents, 25 chat
messages with `populate=*`, and 25 agents with `populate=*`. Writes bench/results/api.md. Wants wrk on the
PATH (Debian: wrk).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.page import write_page

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("results") / "api.md"

#: What is asked, and Strapi 5.54's own figures under the same load on 2 cores: requests/s, p99 in seconds.
REQUESTS = (
    ("25 agents", "/api/agents?pagination[pageSize]=25", 61, 0.55),
    ("25 chat messages, populate=*", "/api/chat-messages?pagination[pageSize]=25&populate=*", 42, 0.7),
    ("25 agents, populate=*", "/api/agents?pagination[pageSize]=25&populate=*", 11, 1.9),
)
#: Strapi's resident memory under that load, MB.
STRAPI_MEMORY = 340

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One request under load."""

    name: str
    per_second: float
    #: Seconds.
    p99: float
    #: Answers that were no 2xx, and connections that failed.
    errors: int


def main() -> None:
    """Measure and write."""
    options = _read_options()
    if shutil.which("wrk") is None:
        sys.exit("wrk was not found on the PATH.")
    with _running_platform() as (url, token, service):
        measured = []
        for name, path, *_ in REQUESTS:
            _run_wrk(url + path, token, seconds=2, connections=options.connections)
            measured.append(
                parse_wrk(
                    name,
                    _run_wrk(url + path, token, seconds=options.seconds, connections=options.connections),
                )
            )
            print(
                f"{name}: {measured[-1].per_second:,.0f} requests/s, p99 {measured[-1].p99:.3f} s", flush=True
            )
        memory = _peak_megabytes(service)
    text = render(measured, memory, options)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    write_page()
    print(text)
    if any(item.errors for item in measured):
        sys.exit("Requests failed.")


def parse_wrk(name: str, output: str) -> Measured:
    """Read wrk's output with --latency. Raises ValueError for one that has no figures."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", output)
    if rate is None or p99 is None:
        raise ValueError(f"wrk said nothing of use: {output}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    socket = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    return Measured(
        name=name,
        per_second=float(rate[1]),
        p99=float(p99[1]) * _UNITS[p99[2]],
        errors=(int(refused[1]) if refused else 0) + sum(map(int, socket.groups() if socket else ())),
    )


def render(measured: list[Measured], memory: float, options: argparse.Namespace) -> str:
    """Return the page."""
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors shared with PostgreSQL and wrk, Python"
        f" {platform.python_version()}, {options.connections} connections, {options.seconds} s each.",
        "",
        "| request | requests/s | p99 | errors | Strapi 5.54: requests/s | p99 | times |",
        "|---|---|---|---|---|---|---|",
    ]
    for item, (_, _, strapi, strapi_p99) in zip(measured, REQUESTS, strict=True):
        lines.append(
            f"| {item.name} | {item.per_second:,.0f} | {item.p99 * 1000:,.0f} ms | {item.errors}"
            f" | {strapi} | {strapi_p99:g} s | {item.per_second / strapi:,.0f} |"
        )
    lines += ["", f"Resident memory at most: {memory:,.0f} MB (Strapi: {STRAPI_MEMORY} MB).", ""]
    return "\n".join(lines)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The content API under load.")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=16)
    return parser.parse_args()


@contextmanager
def _running_platform() -> Iterator[tuple[str, str, int]]:
    """Give the API's URL without nginx, a token, and the service's process id."""
    with tempfile.TemporaryDirectory(prefix="howdah-bench-", ignore_cleanup_errors=True) as home:
        up = subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / "agent-platform" / "scripts" / "up"), "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOWDAH_HOME": home},
        )
        assert up.stdout is not None
        line = up.stdout.readline()
        if not line:
            sys.exit("The platform did not start.")
        said = json.loads(line)
        try:
            yield said["api"], said["token"], int(said["service"])
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(timeout=60)


def _run_wrk(url: str, token: str, *, seconds: int, connections: int) -> str:
    command = ["wrk", "--latency", "-t", "2", "-c", str(connections), "-d", f"{seconds}s"]
    command += ["-H", f"Authorization: Bearer {token}", url]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _peak_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
