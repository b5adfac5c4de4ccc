"""
The content API under load: wrk on three requests, the service and PostgreSQL on the same machine.

    python -m bench.api [--seconds 10] [--connections 16] [--results DIR]

Brings up the example's platform as `make platform` does, warms it up, and asks for 25 agents, 25 chat
messages with `populate=*`, and 25 agents with `populate=*`; then once more with a service that keeps no
answers (API_CACHE_BYTES=0), where PostgreSQL puts each together. Writes api.json and api.md into
bench/results and the page about performance, or into DIR alone. Wants wrk on the PATH (Debian: wrk).
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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.page import write_page
from bench.run import read_processor
from howdah.postgres.binaries import list_server_binaries

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("results")

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


@dataclass(frozen=True, kw_only=True)
class Pass:
    """The three requests to one service."""

    name: str
    #: Bytes of answers that the service may keep, "" for its default.
    cache_bytes: str
    measured: tuple[Measured, ...]
    #: Resident memory of the service at most, MB.
    memory: float


#: What is measured: as it is by default, and with every answer put together by PostgreSQL.
PASSES = (("as it is", ""), ("no answers kept", "0"))


def main() -> None:
    """Measure and write."""
    options = _read_options()
    if shutil.which("wrk") is None:
        sys.exit("wrk was not found on the PATH.")
    passes = [_measure(name, cache_bytes, options) for name, cache_bytes in PASSES]
    document = {
        "machine": _describe_machine(options),
        "strapi": {name: {"per_second": rate, "p99": p99} for name, _, rate, p99 in REQUESTS},
        "passes": [asdict(one) for one in passes],
    }
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "api.json").write_text(json.dumps(document, indent=1) + "\n")
    text = render(document)
    (options.results / "api.md").write_text(text)
    if options.results == RESULTS:
        write_page()
    print(text)
    if any(item.errors for one in passes for item in one.measured):
        sys.exit("Requests failed.")


def _measure(name: str, cache_bytes: str, options: argparse.Namespace) -> Pass:
    measured = []
    with _running_platform(cache_bytes) as (url, token, service):
        for request, path, *_ in REQUESTS:
            _run_wrk(url + path, token, seconds=2, connections=options.connections)
            said = _run_wrk(url + path, token, seconds=options.seconds, connections=options.connections)
            measured.append(parse_wrk(request, said))
            shown = f"{measured[-1].per_second:,.0f} requests/s, p99 {measured[-1].p99:.3f} s"
            print(f"{name}: {request}: {shown}", flush=True)
        memory = _peak_megabytes(service)
    return Pass(name=name, cache_bytes=cache_bytes, measured=tuple(measured), memory=memory)


def _describe_machine(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the numbers depend on."""
    libraries = ("howdah", "starlette", "uvicorn", "psycopg", "psycopg-pool")
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    binaries = list_server_binaries()
    return {
        "taken": f"{datetime.now(UTC):%Y-%m-%d}",
        "processors": os.cpu_count(),
        "processor": read_processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": binaries[0].major if binaries else None,
        "libraries": {name: version(name) for name in libraries},
        "wrk": wrk.splitlines()[0].partition(" [")[0] if wrk else "unknown",
        "connections": options.connections,
        "seconds": options.seconds,
    }


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


def render(document: Mapping[str, Any]) -> str:
    """Return the page."""
    machine, strapi = document["machine"], document["strapi"]
    lines = [
        f"{machine['taken']}, {machine['processors']} processors ({machine['processor']}) shared with"
        f" PostgreSQL {machine['postgresql']} and wrk, Python {machine['python']},"
        f" howdah {machine['libraries']['howdah']}, {machine['connections']} connections,"
        f" {machine['seconds']} s each.",
        "",
        "| request | answers | requests/s | p99 | errors | Strapi 5.54: requests/s | p99 | times |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in document["passes"]:
        for item in one["measured"]:
            theirs = strapi[item["name"]]
            lines.append(
                f"| {item['name']} | {one['name']} | {item['per_second']:,.0f} | {item['p99'] * 1000:,.0f} ms"
                f" | {item['errors']} | {theirs['per_second']} | {theirs['p99']:g} s"
                f" | {item['per_second'] / theirs['per_second']:,.0f} |"
            )
    memory = ", ".join(f"{one['memory']:,.0f} MB ({one['name']})" for one in document["passes"])
    lines += ["", f"Resident memory at most: {memory}; Strapi: {STRAPI_MEMORY} MB.", ""]
    return "\n".join(lines)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The content API under load.")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


@contextmanager
def _running_platform(cache_bytes: str) -> Iterator[tuple[str, str, int]]:
    """Give the API's URL without nginx, a token, and the service's process id."""
    kept = {"API_CACHE_BYTES": cache_bytes} if cache_bytes else {}
    with tempfile.TemporaryDirectory(prefix="howdah-bench-", ignore_cleanup_errors=True) as home:
        up = subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / "agent-platform" / "scripts" / "up"), "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **kept, "HOWDAH_HOME": home},
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
