"""
`make fuzz`: random databases, each migrated, proven, and checked by a second program, until told to stop.

    make fuzz                                         100 cases from a new seed
    make fuzz FUZZ_ARGS="--seed 7000 --cases 5000"    from a given seed on
    make fuzz FUZZ_ARGS="--minutes 60 --record"       and add what was clean to the counter
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
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine

from fuzz.carrier import Carrier
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


class Fuzzer:
    """Runs batches, keeps the tally and knows which failures it has seen."""

    def __init__(self, carrier: Carrier, first_seed: int) -> None:
        self.tally = Tally(first_seed=first_seed, last_seed=first_seed)
        self._carrier = carrier
        self._known: set[str] = set()
        self._digests: set[bytes] = set()
        self._failing: tuple[FuzzCase, tuple[str, ...]] | None = None

    def run_batch(self, batch_seed: int) -> None:
        """Run the cases of one seed; write the one that fails in a new way."""
        self.tally.last_seed = batch_seed
        self._failing = None

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

    def _run_case(self, case: FuzzCase) -> None:
        digest = hashlib.sha256(json.dumps(case.to_json()).encode()).digest()
        carried = self._carrier.carry(case)
        if carried.problems:
            if _signature(carried.problems) in self._known:
                self.tally.failed += 1
                return
            if self._failing is None:
                self.tally.failed += 1
            self._failing = (case, carried.problems)
            raise FailedCaseError(carried.problems[0])
        # While a failure shrinks, and where Hypothesis repeats itself, nothing is counted.
        if self._failing is None and digest not in self._digests:
            self._digests.add(digest)
            self.tally.clean += 1
            self.tally.tables += carried.tables
            self.tally.rows += carried.rows
            self.tally.quarantined += carried.quarantined
            self.tally.views += carried.views


def _signature(problems: tuple[str, ...]) -> str:
    """Return what two occurrences of one failure have in common."""
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"[^\"]*\"|[0-9]+|\(.*|\[.*", "", problems[0])[:80]


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.splitlines()[1])
    parser.add_argument("--seed", type=int, default=None, help="first seed; by the clock without")
    parser.add_argument("--cases", type=int, default=100, help="stop after so many cases")
    parser.add_argument("--minutes", type=float, default=None, help="stop after so long instead")
    parser.add_argument("--record", action="store_true", help="add the clean cases to the counter")
    parser.add_argument("--stop-file", type=Path, default=None, help="stop when this file exists")
    parser.add_argument("--replay", type=Path, nargs="*", default=None, help="carry these cases instead")
    arguments = parser.parse_args()
    with Carrier() as carrier:
        if arguments.replay is not None:
            return _replay(carrier, arguments.replay)
        first = arguments.seed if arguments.seed is not None else int(time.time())
        print(f"seed {first}, {CASES_PER_SEED} cases each", flush=True)
        fuzzer = Fuzzer(carrier, first)
        return _run(fuzzer, arguments)


def _run(fuzzer: Fuzzer, arguments: argparse.Namespace) -> int:
    tally, started = fuzzer.tally, time.monotonic()
    batch_seed = tally.first_seed
    while True:
        fuzzer.run_batch(batch_seed)
        tally.seconds = round(time.monotonic() - started)
        print(
            f"seed {batch_seed}: {tally.clean} clean, {tally.failed} failed, {tally.tables} tables,"
            f" {tally.rows} rows, {tally.quarantined} quarantined, {tally.views} views, {tally.seconds} s",
            flush=True,
        )
        if arguments.record:
            record(tally)
        ended = (
            tally.seconds >= arguments.minutes * 60
            if arguments.minutes is not None
            else tally.clean + tally.failed >= arguments.cases
        )
        if ended or (arguments.stop_file is not None and arguments.stop_file.exists()):
            break
        batch_seed += 1
    if arguments.record:
        print(f"{json.loads(COUNTER.read_text())['clean_cases']} clean cases on record")
    return 1 if tally.failed else 0


def _replay(carrier: Carrier, paths: list[Path]) -> int:
    failed = False
    for path in paths:
        problems = carrier.carry(read_case(path)).problems
        failed = failed or bool(problems)
        print(f"{path}: {'clean' if not problems else problems[0]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
