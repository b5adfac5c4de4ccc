"""
The benchmark: Howdah beside the floor and other tools, in one run, medians of several.

    python -m bench.run --megabytes 600 [--megabytes 10 ...] [--runs 3] [--connections 2]

Writes bench/results/ and brings docs/explanation/performance.md up to date. The rounds go through all
contestants in turn, so that a slow minute of the machine hits all of them. pgloader and DuckDB run between
300 MB and 1 GB.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import results as names
from bench.contestants import Howdah, Result, find_duckdb, find_pgloader, run_duckdb, run_pgloader
from bench.floor import Floor, prepare_floor, read_plan, run_floor
from bench.generate import generate
from bench.measure import CommandFailedError
from bench.page import write_page
from bench.results import SizeResults, write_results
from bench.server import BenchServer

RESULTS = Path(__file__).with_name("results")
_OTHERS_FROM, _OTHERS_TO = 300, 1000

#: Runs once and returns what it measured, by name.
Contestant = Callable[[], dict[str, Result]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    megabytes: Sequence[float]
    runs: int
    connections: int
    seed: int
    work: Path
    others: bool


def run_size(server: BenchServer, settings: Settings, megabytes: float) -> SizeResults:
    """Generate a file and measure everybody on it."""
    source = settings.work / f"{megabytes:g}.db"
    made = generate(source, megabytes, seed=settings.seed)
    say(f"{source.name}: {made.size / 1e6:,.0f} MB, {sum(made.rows.values()):,} rows")
    howdah = Howdah(server, settings.work, settings.connections)
    floor = _prepare_floor(server, howdah, source, settings)
    contestants, missing = _list_contestants(server, howdah, source, floor, settings, megabytes)
    runs: dict[str, list[Result]] = {}
    for number in range(settings.runs):
        for name, run in contestants.items():
            try:
                measured = run()
            except CommandFailedError as error:
                # Another tool's failure is a result; ours ends the benchmark.
                if name not in (names.PGLOADER, names.DUCKDB):
                    raise
                missing[name] = " ".join(str(error).split())[:300]
                continue
            for part, result in measured.items():
                runs.setdefault(part, []).append(result)
                say(f"  {number + 1}/{settings.runs} {part:<28}{result.seconds:8.2f} s")
    shutil.rmtree(settings.work / "floor", ignore_errors=True)
    source.unlink()
    return SizeResults(
        megabytes=megabytes,
        file_bytes=made.size,
        rows=sum(made.rows.values()),
        connections=settings.connections,
        runs={name: tuple(found) for name, found in runs.items()},
        missing=missing,
    )


def _prepare_floor(server: BenchServer, howdah: Howdah, source: Path, settings: Settings) -> Floor:
    """Migrate once, unmeasured, and take the floor's files from the result."""
    plan = read_plan(howdah.command, source, howdah.environment())
    server.recreate_database("bench_floor_source")
    howdah.migrate(source, "bench_floor_source", verify=False)
    floor = prepare_floor(
        server, "bench_floor_source", plan, settings.work / "floor", connections=settings.connections
    )
    server.drop_database("bench_floor_source")
    howdah.forget_runs()
    return floor


def _list_contestants(
    server: BenchServer,
    howdah: Howdah,
    source: Path,
    floor: Floor,
    settings: Settings,
    megabytes: float,
) -> tuple[dict[str, Contestant], dict[str, str]]:
    """Return who runs, by name and in order, and who does not, with the reason."""

    def fresh(name: str, work: Callable[[str], Result]) -> Contestant:
        return in_new_database(lambda database: {name: metered(server, lambda: work(database))})

    def in_new_database(work: Callable[[str], dict[str, Result]]) -> Contestant:
        def run() -> dict[str, Result]:
            server.recreate_database("bench")
            try:
                measured = work("bench")
                # Some tools end with status 0 and leave rows behind.
                rows = server.count_rows("bench")
                return {name: replace(result, rows=rows) for name, result in measured.items()}
            finally:
                server.drop_database("bench")
                howdah.forget_runs()

        return run

    def measure_floor(database: str) -> Result:
        phases = run_floor(server, database, floor, settings.work / "floor" / "scripts")
        return Result(seconds=sum(phases.values()), phases=phases)

    def measure_migrate_then_verify(database: str) -> dict[str, Result]:
        return {
            names.MIGRATE: metered(server, lambda: howdah.migrate(source, database, verify=False)),
            names.VERIFY: metered(server, lambda: howdah.verify(source, database)),
        }

    contestants: dict[str, Contestant] = {
        names.FLOOR: fresh(names.FLOOR, measure_floor),
        names.MIGRATE: in_new_database(measure_migrate_then_verify),
        names.MIGRATE_VERIFY: fresh(
            names.MIGRATE_VERIFY, lambda database: howdah.migrate(source, database, verify=True)
        ),
        names.PLAN: lambda: {names.PLAN: metered(server, lambda: howdah.plan(source))},
    }
    missing: dict[str, str] = {}
    if settings.others and _OTHERS_FROM <= megabytes <= _OTHERS_TO:
        pgloader, duckdb = find_pgloader(), find_duckdb()
        if pgloader:
            contestants[names.PGLOADER] = fresh(
                names.PGLOADER,
                lambda database: run_pgloader(pgloader, server, source, database, settings.work),
            )
        else:
            missing[names.PGLOADER] = "not installed"
        if duckdb:
            contestants[names.DUCKDB] = fresh(
                names.DUCKDB, lambda database: run_duckdb(duckdb, server, source, database)
            )
        else:
            missing[names.DUCKDB] = "not installed"
    contestants[names.HELP] = lambda: {names.HELP: howdah.help()}
    return contestants, missing


def metered(server: BenchServer, work: Callable[[], Result]) -> Result:
    """Do the work and add what the processor spent on it, in our children and in the server."""
    server_before, before = server.processor_seconds(), resource.getrusage(resource.RUSAGE_CHILDREN)
    result = work()
    after, server_after = resource.getrusage(resource.RUSAGE_CHILDREN), server.processor_seconds()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    in_server = None if server_before is None or server_after is None else server_after - server_before
    return replace(result, command_processor=used, server_processor=in_server)


def describe_machine(server: BenchServer, howdah: str) -> dict[str, str]:
    """Return what the numbers depend on: machine, versions, settings of the server."""
    described = {
        "taken": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} cores, {read_processor()}, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "howdah": subprocess.run(
            [howdah, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip(),
        "libraries": ", ".join(
            f"{name} {version(name)}" for name in ("apsw", "pyarrow", "psycopg", "adbc-driver-sqlite")
        ),
    }
    pgloader, duckdb = find_pgloader(), find_duckdb()
    if pgloader:
        printed = subprocess.run([pgloader, "--version"], capture_output=True, text=True, check=False).stdout
        described["pgloader"] = printed.splitlines()[0] if printed else "unknown"
    if duckdb:
        script = "import duckdb; print(duckdb.__version__)"
        described["duckdb"] = subprocess.run(
            [duckdb, "-c", script], capture_output=True, text=True, check=True
        ).stdout.strip()
    return described | {f"postgres {name}": value for name, value in server.describe().items()}


def read_processor() -> str:
    """Return what the processor is called."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__.split("\n\n")[0])
    parser.add_argument("--megabytes", type=float, action="append", help="size of a file; repeatable")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--connections", type=int, default=2, help="connections and jobs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", help="conninfo of a server to use instead of an embedded one")
    parser.add_argument("--work", type=Path, help="directory with room for four times the largest file")
    parser.add_argument("--no-others", action="store_true", help="leave pgloader and DuckDB out")
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    megabytes = chosen.megabytes or [600.0]
    with tempfile.TemporaryDirectory(prefix="howdah-bench-", dir=chosen.work) as work:
        server = (
            BenchServer(conninfo=chosen.target) if chosen.target else BenchServer.start(Path(work) / "server")
        )
        settings = Settings(
            megabytes=megabytes,
            runs=chosen.runs,
            connections=chosen.connections,
            seed=chosen.seed,
            work=Path(work),
            others=not chosen.no_others,
        )
        try:
            machine = describe_machine(server, str(Path(sys.executable).with_name("howdah")))
            sizes = [run_size(server, settings, size) for size in megabytes]
        finally:
            if not chosen.target:
                BenchServer.stop(Path(work) / "server")
    label = "-".join(f"{size:g}mb" for size in megabytes)
    path = write_results(chosen.results, label, machine, sizes)
    if chosen.results == RESULTS:
        write_page()
    say(f"\n{path.read_text()}\n{path}")


if __name__ == "__main__":
    main()
