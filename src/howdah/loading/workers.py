"""
Local processes that carry out steps, each with a connection of its own.

A worker gets the whole job once, then steps by their description; it shares no
memory with its neighbours. When the parent dies, by whatever signal, its workers
end too, and the server undoes what they had not committed.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection as Pipe
from types import TracebackType
from typing import Any, Self

import psycopg

from howdah.errors import BugError, EnvironmentFailedError, HowdahError
from howdah.loading.copy_step import Advance
from howdah.loading.job import LoadJob
from howdah.loading.step import run_step
from howdah.model.plan import Step
from howdah.postgres.connect import connect, translate_error
from howdah.process.children import end_with_parent, worker_context
from howdah.process.interrupts import deaf_children
from howdah.state.ledger import Ledger, StepOutcome

#: Two transactions that each want the other's table: one is chosen and may simply try again.
_DEADLOCK = (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable)
_DEADLOCK_TRIES = 5


class WorkerPool:
    """So many worker processes; with one job there are none and `run` is not called."""

    def __init__(self, job: LoadJob, jobs: int) -> None:
        self._job = job
        self._jobs = jobs
        self._workers: list[tuple[multiprocessing.process.BaseProcess, Pipe]] = []

    def __enter__(self) -> Self:
        if self._jobs > 1:
            context = worker_context()
            for number in range(self._jobs):
                ours, theirs = context.Pipe()
                worker = context.Process(
                    target=_work, args=(theirs, self._job), name=f"howdah-worker-{number + 1}", daemon=True
                )
                with deaf_children():
                    worker.start()
                theirs.close()
                self._workers.append((worker, ours))
        return self

    def run(self, steps: Sequence[Step], advance: Advance) -> Iterator[StepOutcome]:
        """
        Share the steps out; yield each outcome once it is committed, in order of completion.

        The first error ends the run: no further step is begun, those under way are
        abandoned (and undone by the server) when the pool closes.
        """
        waiting = list(reversed(steps))
        busy: dict[Pipe, Step] = {}
        idle = [pipe for _, pipe in self._workers]
        while waiting or busy:
            while waiting and idle:
                pipe = idle.pop()
                step = waiting.pop()
                _send(pipe, step)
                busy[pipe] = step
            # The idle ones are watched too: one that was killed is told at once, not when it is needed.
            for ready in multiprocessing.connection.wait([pipe for _, pipe in self._workers]):
                assert isinstance(ready, Pipe)
                message = _receive(ready, busy.get(ready))
                if isinstance(message, StepOutcome):
                    del busy[ready]
                    idle.append(ready)
                    yield message
                elif isinstance(message, BaseException):
                    raise message
                else:
                    advance(*message)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker, pipe in self._workers:
            pipe.close()
            if error is not None:
                worker.terminate()
        for worker, _ in self._workers:
            worker.join(timeout=10)
            if worker.is_alive():
                worker.kill()
                worker.join()


def _send(pipe: Pipe, step: Step) -> None:
    try:
        pipe.send(step)
    except OSError:
        raise _worker_ended(step) from None


def _receive(pipe: Pipe, step: Step | None) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        # Not the end of the stream but a reset connection, where the worker had something left to read.
        raise _worker_ended(step) from None


def _worker_ended(step: Step | None) -> EnvironmentFailedError:
    doing = f"while it carried out the step {step.id}" if step is not None else "while it waited for work"
    return EnvironmentFailedError(
        "M-301",
        f"A worker process ended {doing}.",
        detail="It was killed from outside, or the machine ran out of memory.",
        hint="Run the same command again: it resumes. Use fewer --jobs where memory is short.",
    )


def _work(pipe: Pipe, job: LoadJob) -> None:
    """Serve steps until the pipe closes."""
    # The parent hears Ctrl-C, decides, and ends us by SIGTERM.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    try:
        with connect(job.conninfo, application_name="howdah worker", bulk=True) as connection:
            while True:
                step = pipe.recv()
                pipe.send(_carry_out(connection, job, step, pipe))
    except EOFError:
        return
    except psycopg.Error as error:
        pipe.send(translate_error(error, doing="carrying out a step in a worker"))
    except HowdahError as error:
        pipe.send(error)
    except Exception as error:
        pipe.send(_picklable(error))


def _carry_out(connection: Any, job: LoadJob, step: Step, pipe: Pipe) -> StepOutcome:
    ledger = Ledger(state=job.state)

    def advance(table: str, rows: int, byte_count: int, /) -> None:
        pipe.send((table, rows, byte_count))

    for attempt in range(1, _DEADLOCK_TRIES + 1):
        try:
            with connection.transaction():
                outcome = run_step(connection, job, step, advance)
                ledger.record_step(connection, job.run_id, outcome)
        except _DEADLOCK:
            if attempt == _DEADLOCK_TRIES:
                raise
            time.sleep(0.1 * attempt)
        else:
            return outcome
    raise AssertionError("unreachable")


def _picklable(error: Exception) -> BaseException:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own object, to see whether it survives the pipe
    except Exception:
        return BugError("M-999", f"A worker failed: {type(error).__name__}: {error}")
    return error
