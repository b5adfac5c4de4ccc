"""
`make fuzz`: random databases, each migrated, proven, and checked by a second program, until told to stop.

    make fuzz                                         100 cases from a new seed
    make fuzz FUZZ_ARGS="--seed 7000 --cases 5000"    from a given seed on
    make fuzz FUZZ_ARGS="--minutes 60 --record"       and add what was clean to the counter
    make fuzz FUZZ_ARGS="--workers 4 --cases 5000"    by several processes, each with its server
    make fuzz FUZZ_ARGS="--replay tests/fuzz/found/FILE.json"

A seed stands for a batch of cases. A case that fails is shrunk and written to tests/fuzz/failures; the
same failure (its numbers and names apart) is not shrunk twice in one run. The exit status is 1
where anything failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine

from fuzz.carrier import Carried, Carrier
from fuzz.counter import COUNTER, Tally, record
from fuzz.scenario_file import FuzzCase, read_case, write_case
from support.random_databases import databases

CASES_PER_SEED = 50
#: Seconds; Hypothesis takes five minutes, which is long where a case costs a migration.
engine.MAX_SHRINKING_SECONDS = 60
FAILURES = Path(__file__).with_name("failures")

_SETTINGS = settings(
    deadline=None,
    database=None,
    max_examples=CASES_PER_SEED,
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
_options = st.fixed_dictionaries(
    {},
    optional={
        "json_type": st.sampled_from(["json", "jsonb", "text"]),
        "convert_dates": st.just(False),
    },
)
#: Mostly as anybody would ask.
cases = st.builds(
    lambda database, options: FuzzCase(database=database, options=options),
    databases(),
    st.just({}) | st.just({}) | _options,
)


class FailedCaseError(AssertionError):
    """A case that is not clean."""


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """What came of one case; `digest` tells it from every other."""

    digest: bytes
    carried: Carried


class Fuzzer:
    """Runs batches and knows which cases and which failures it has seen."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._known: set[str] = set()
        self._digests: set[bytes] = set()
        self._results: list[CaseResult] = []
        self._failing: tuple[FuzzCase, tuple[str, ...]] | None = None

    def run_batch(self, batch_seed: int) -> list[CaseResult]:
        """Run the cases of one seed; write the one that fails in a new way."""
        self._failing = None
        self._results = []

        @seed(batch_seed)
        @_SETTINGS
        @given(cases)
        def batch(case: FuzzCase) -> None:
            self._run_case(case)

        try:
            batch()
        except FailedCaseError:
            assert self._failing is not None
            case, problems = self._failing
            signature = _signature(problems)
            self._known.add(signature)
            path = FAILURES / f"{hashlib.sha256(signature.encode()).hexdigest()[:12]}.json"
            write_case(path, case, seed=batch_seed, problems=list(problems))
            print(f"\nseed {batch_seed} fails: {problems[0][:500]}\n  written to {path}", flush=True)
        return self._results

    def _run_case(self, case: FuzzCase) -> None:
        digest = hashlib.sha256(json.dumps(case.to_json()).encode()).digest()
        if self._failing is None and digest in self._digests:
            # Hypothesis repeats itself; what was clean is neither carried nor counted twice.
            return
        carried = self._carrier.carry(case)
        # While a failure shrinks, nothing is counted.
        if self._failing is None:
            self._results.append(CaseResult(digest=digest, carried=carried))
        if not carried.problems:
            self._digests.add(digest)
        elif _signature(carried.problems) not in self._known:
            self._failing = (case, carried.problems)
            raise FailedCaseError(carried.problems[0])


def _work(seeds: SimpleQueue[int | None], results: SimpleQueue[tuple[int, list[CaseResult]]]) -> None:
    """Carry the batches of seeds, with a server of this process alone, until None comes."""
    with Carrier() as carrier:
        fuzzer = Fuzzer(carrier)
        while (batch_seed := seeds.get()) is not None:
            results.put((batch_seed, fuzzer.run_batch(batch_seed)))


def _signature(problems: tuple[str, ...]) -> str:
    """Return what two occurrences of one failure have in common."""
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"[^\"]*\"|[0-9]+|\(.*|\[.*", "", problems[0])[:80]


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.splitlines()[1])
    parser.add_argument("--seed", type=int, default=None, help="first seed; by the clock without")
    parser.add_argument("--cases", type=int, default=100, help="stop after so many cases")
    parser.add_argument("--minutes", type=float, default=None, help="stop after so long instead")
    parser.add_argument("--workers", type=int, default=1, help="processes, each with a server of its own")
    parser.add_argument("--record", action="store_true", help="add the clean cases to the counter")
    parser.add_argument("--stop-file", type=Path, default=None, help="stop when this file exists")
    parser.add_argument("--replay", type=Path, nargs="*", default=None, help="carry these cases instead")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        with Carrier() as carrier:
            return _replay(carrier, arguments.replay)
    first = arguments.seed if arguments.seed is not None else int(time.time())
    print(f"seed {first}, {CASES_PER_SEED} cases each", flush=True)
    return _run(first, arguments)


def _run(first_seed: int, arguments: argparse.Namespace) -> int:
    """Hand out seeds to the workers and count what comes back, in the order of the seeds."""
    tally, started = Tally(first_seed=first_seed, last_seed=first_seed), time.monotonic()
    context = get_context("spawn")
    seeds: SimpleQueue[int | None] = context.SimpleQueue()
    results: SimpleQueue[tuple[int, list[CaseResult]]] = context.SimpleQueue()
    workers = [context.Process(target=_work, args=(seeds, results)) for _ in range(arguments.workers)]
    for worker in workers:
        worker.start()
    digests: set[bytes] = set()
    next_seed, waiting, ended = first_seed, 0, False
    while not ended or waiting:
        while not ended and waiting < len(workers):
            seeds.put(next_seed)
            next_seed, waiting = next_seed + 1, waiting + 1
        batch_seed, batch = _next_result(results, workers)
        waiting -= 1
        _count(tally, batch, digests)
        tally.last_seed = max(tally.last_seed, batch_seed)
        tally.seconds = round(time.monotonic() - started)
        print(
            f"seed {batch_seed}: {tally.clean} clean, {tally.failed} failed, {tally.tables} tables,"
            f" {tally.rows} rows, {tally.quarantined} quarantined, {tally.views} views, {tally.seconds} s",
            flush=True,
        )
        if arguments.record:
            record(tally)
        ended = ended or (
            tally.seconds >= arguments.minutes * 60
            if arguments.minutes is not None
            else tally.clean + tally.failed >= arguments.cases
        )
        ended = ended or (arguments.stop_file is not None and arguments.stop_file.exists())
    for _ in workers:
        seeds.put(None)
    for worker in workers:
        worker.join()
    if arguments.record:
        print(f"{json.loads(COUNTER.read_text())['clean_cases']} clean cases on record")
    return 1 if tally.failed else 0


def _next_result(
    results: SimpleQueue[tuple[int, list[CaseResult]]], workers: list[SpawnProcess]
) -> tuple[int, list[CaseResult]]:
    """Wait for a batch. Raises RuntimeError where a worker is gone, because its batch never comes."""
    while results.empty():
        gone = [worker.exitcode for worker in workers if worker.exitcode is not None]
        if gone:
            raise RuntimeError(f"a worker ended with status {gone[0]}; see above")
        time.sleep(0.1)
    return results.get()


def _count(tally: Tally, batch: list[CaseResult], digests: set[bytes]) -> None:
    """Add the cases of a batch that no other batch of this run had."""
    for result in batch:
        if result.carried.problems:
            tally.failed += 1
        elif result.digest not in digests:
            digests.add(result.digest)
            tally.clean += 1
            tally.tables += result.carried.tables
            tally.rows += result.carried.rows
            tally.quarantined += result.carried.quarantined
            tally.views += result.carried.views


def _replay(carrier: Carrier, paths: list[Path]) -> int:
    failed = False
    for path in paths:
        problems = carrier.carry(read_case(path)).problems
        failed = failed or bool(problems)
        print(f"{path}: {'clean' if not problems else problems[0]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
