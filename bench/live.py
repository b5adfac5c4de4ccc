"""
How long nobody can write: `python -m bench.live --megabytes 60 600 3000 --runs 3`.

A SQLite file of each size takes 200 write transactions a second while it is followed, cut over, and
brought home. What is printed is what the writing application itself saw between its last write on
one side and its first on the other (hooks included: they only rewrite a file), and what Howdah
measured, part by part. The runs of a size and a journal mode take the place of those before them in
bench/results/live.json, after each of them; the table of all goes to bench/results/live.md, and from
there to the documentation's page on performance.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.page import write_page
from howdah.model.verb_reports import LiveReport
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from howdah.ops.target import TargetRequest
from howdah.postgres.binaries import list_server_binaries
from howdah.postgres.embedded import start_embedded
from howdah.sqlite.live_file import LiveFile

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_name("results")
sys.path.insert(0, str(ROOT / "tests"))

from support.writing_app import longest_gap, prepare, read_log, writing  # noqa: E402

#: Bytes of one row of the filler table, about.
_ROW_BYTES = 425


def measure(megabytes: int, directory: Path, database: str, *, rate: int, wal: bool) -> dict[str, Any]:
    """Follow, cut over and go home once; return the pauses in seconds."""
    source = prepare(directory, wal=wal, filler=megabytes * 1_000_000 // _ROW_BYTES)
    request = TargetRequest(target=database)
    with writing(directory, rate=rate):
        following = threading.Thread(
            target=follow, args=(FollowRequest(source=str(source), target=request, consent=True),)
        )
        began = time.monotonic()
        following.start()
        _wait_until_current(source, database)
        followed = time.monotonic() - began
        away = cutover(CutoverRequest(source=str(source), target=request, live=_hooks(directory, database)))
        following.join()
        time.sleep(3)
        home = go_home(request, _hooks(directory, "sqlite"))
        time.sleep(1)
    log = read_log(directory)
    return {
        "megabytes": source.stat().st_size // 1_000_000,
        "wal": wal,
        "writes": len(log),
        "seconds_until_current": round(followed, 2),
        "cutover": _figures(away, longest_gap(log, "sqlite", "postgresql")),
        "home": _figures(home, longest_gap(log, "postgresql", "sqlite")),
        "proof": [away.proof, home.proof],
    }


def _hooks(directory: Path, place: str) -> LiveOptions:
    return LiveOptions(
        on_release=f"printf %s '{place}' > {directory}/new && mv {directory}/new {directory}/where"
    )


def _figures(report: LiveReport, seen: float) -> dict[str, object]:
    return {
        "seen_by_the_application": round(seen, 3),
        "measured": round(report.pause_seconds, 3),
        "parts": {part.name: round(part.seconds, 3) for part in report.pause},
    }


def _wait_until_current(source: Path, database: str) -> None:
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        while True:
            time.sleep(0.2)
            if connection.execute("SELECT to_regclass('howdah.capture')").fetchone() == (None,):
                continue
            row = connection.execute("SELECT watermark FROM howdah.capture").fetchone()
            # Never by another SQLite library in this process: closing it would drop our locks on the file.
            with LiveFile(str(source)) as live, live.looking():
                if row is not None and live.count_entries(row[0]) < 200:
                    return


def main() -> None:
    """Measure each size on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[60, 600])
    parser.add_argument("--rate", type=int, default=200, help="write transactions per second")
    parser.add_argument("--runs", type=int, default=1, help="of each size")
    parser.add_argument("--rollback-journal", action="store_true", help="not in WAL mode")
    arguments = parser.parse_args()
    binaries = list_server_binaries()[0]
    mode = "rollback journal" if arguments.rollback_journal else "WAL"
    for megabytes in arguments.megabytes:
        found: list[dict[str, Any]] = []
        for _ in range(arguments.runs):
            found.append(_measure_once(megabytes, binaries.bindir, arguments))
            print(json.dumps(found[-1]), flush=True)
            keep(RESULTS, f"{megabytes} MB, {mode}", found, rate=arguments.rate, server=binaries.version)
    write_page()


def _measure_once(megabytes: int, bindir: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="howdah-live-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        os.environ["HOWDAH_HOME"] = str(directory / "home")
        (directory / "app").mkdir()
        server = start_embedded(directory / "pg", bindir=bindir, end_with_parent=True)
        try:
            return measure(
                megabytes,
                directory / "app",
                server.conninfo(),
                rate=arguments.rate,
                wal=not arguments.rollback_journal,
            )
        finally:
            server.stop(mode="immediate")


def keep(results: Path, cell: str, runs: Sequence[Mapping[str, Any]], *, rate: int, server: str) -> None:
    """Put these runs in the place of those that were known of the same cell, and write the table of all."""
    path = results / "live.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    known[cell] = {
        "taken": datetime.date.today().isoformat(),
        "rate": rate,
        "processors": os.cpu_count(),
        "server": server,
        "runs": list(runs),
    }
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    (results / "live.md").write_text(render(known), encoding="utf-8")


def render(known: Mapping[str, Any]) -> str:
    """Return the table of everything that is known, smallest files first."""
    lines = [
        "Seconds between the last write that the application had acknowledged on one side and its first on",
        "the other, while it asked for so many write transactions a second: the median of the runs, and the",
        "longest.",
        "",
        "| file | journal | writes a second | runs | to PostgreSQL | longest | home | longest | proofs |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for cell, about in sorted(known.items(), key=lambda item: (item[1]["runs"][0]["megabytes"], item[0])):
        runs = about["runs"]
        away = [run["cutover"]["seen_by_the_application"] for run in runs]
        home = [run["home"]["seen_by_the_application"] for run in runs]
        proofs = sorted({proof for run in runs for proof in run["proof"]})
        lines.append(
            f"| {runs[0]['megabytes']} MB | {cell.partition(', ')[2]} | {about['rate']} | {len(runs)}"
            f" | {statistics.median(away):.2f} | {max(away):.2f}"
            f" | {statistics.median(home):.2f} | {max(home):.2f} | {', '.join(proofs)} |"
        )
    lines.append("")
    for taken, processors, server in sorted(
        {(each["taken"], each["processors"], each["server"]) for each in known.values()}
    ):
        lines += [
            f"Taken {taken} on {processors} processors with PostgreSQL {server}: application, follower and",
            "server on one machine.",
        ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
