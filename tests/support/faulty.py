"""
The verbs of a live migration in a process of its own, with one fault at one step.

`python faulty.py VERB SOURCE DATABASE FAULT STEP`: before the step with that number the process is killed
("kill-before") or, when it is done, ("kill-after"); "cut" ends every server session of ours instead;
"kill-in-proof" kills it when so many pieces of the full proof are recorded, which are small then;
"kill-in-time" kills it so many milliseconds after the verb began, wherever it is. The step's name is printed
first, so that a sweep knows where it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

#: Bytes of a range of the proof with "kill-in-proof".
SMALL_RANGE = 4_000


@dataclass(frozen=True)
class Faulted:
    status: int
    #: Steps that were begun.
    steps: list[str]
    errors: str


def run_faulty(verb: str, source: Path, database: str, fault: str, step: int) -> Faulted:
    """Run a verb to its end, or to the fault."""
    done = subprocess.run(
        [sys.executable, __file__, verb, str(source), database, fault, str(step)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    return Faulted(done.returncode, done.stdout.split(), done.stderr)


def cut_sessions(database: str) -> None:
    """End every session of ours at the server, as a crash of it would."""
    with psycopg.connect(database, autocommit=True, application_name="tester") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name LIKE 'howdah%' AND datname = current_database()"
        )


def _die_in_proof(number: int) -> None:
    from howdah.capture.proven import ProvenPieces
    from howdah.proof import verify as proof

    setattr(proof, "RANGE_BYTES", SMALL_RANGE)  # noqa: B010
    keep = ProvenPieces.keep
    kept = 0

    def keep_or_die(self: Any, name: Any, outcome: Any) -> None:
        nonlocal kept
        keep(self, name, outcome)
        kept += 1
        if kept == number:
            os.kill(os.getpid(), signal.SIGKILL)

    ProvenPieces.keep = keep_or_die  # type: ignore[method-assign]


def _main(verb: str, source: str, database: str, fault: str, number: int) -> int:
    from howdah.capture.machine import Goal, Step, next_step
    from howdah.errors import HowdahError
    from howdah.ops import cutover as cutover_verb
    from howdah.ops import follow as follow_verb
    from howdah.ops import go_home as go_home_verb
    from howdah.ops.cutover import CutoverRequest, cutover
    from howdah.ops.finalize import finalize
    from howdah.ops.follow import FollowRequest, follow, stop
    from howdah.ops.go_home import go_home
    from howdah.ops.live_run import LiveOptions, LiveRun
    from howdah.ops.live_steps import read_facts, take_step
    from howdah.ops.rollback import rollback
    from howdah.ops.target import TargetRequest

    count = 0

    def faulty(live: LiveRun, goal: Goal) -> Step:
        nonlocal count
        count += 1
        print(next_step(read_facts(live, live.capture(), goal)), flush=True)
        if count == number and fault == "kill-before":
            os.kill(os.getpid(), signal.SIGKILL)
        if count == number and fault == "cut":
            cut_sessions(database)
        done = take_step(live, goal)
        if count == number and fault == "kill-after":
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    if fault == "kill-in-proof":
        _die_in_proof(number)
    for module in (follow_verb, cutover_verb, go_home_verb):
        setattr(module, "take_step", faulty)  # noqa: B010
    target = TargetRequest(target=database)
    if fault == "kill-in-time":
        # Nobody handles this signal: the kernel ends the process, as it does for SIGKILL.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, number / 1000)
    try:
        match verb:
            case "follow":
                return follow(
                    FollowRequest(source=source, target=target, consent=True, until_caught_up=True)
                ).exit_status
            case "cutover":
                return cutover(CutoverRequest(source=source, target=target)).exit_status
            case "abort":
                return cutover(CutoverRequest(source=source, target=target, abort=True)).exit_status
            case "finalize":
                finalize(target)
                return 0
            case "rollback":
                rollback(target)
                return 0
            case "stop":
                return stop(source, target).exit_status
            case _:
                return go_home(target, LiveOptions()).exit_status
    except HowdahError as error:
        print(error, file=sys.stderr)
        return int(error.exit_status)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])))
