"""
Let a producer run ahead of its consumer, in a thread.

Reading SQLite and encoding release the interpreter's lock in C, and so does
sending to PostgreSQL, so a thread is enough to overlap the two.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")


class _End:
    """Marks the end of the stream, with the producer's error where it failed."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def run_ahead(items: Iterable[T], depth: int = 2) -> Generator[T, None, None]:
    """
    Yield the items in order while a thread computes up to `depth` of them in advance.

    An error of the producer is raised here, after the items before it. When the
    consumer stops early (closes the generator), the producer stops at its next item.
    """
    ready: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def offer(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not offer(item):
                    return
        except BaseException as exception:
            error = exception
        offer(_End(error))

    producer = threading.Thread(target=produce, name="howdah-run-ahead", daemon=True)
    producer.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        # Not for ever: a producer deep in a computation looks at `stopped` only after it.
        producer.join(timeout=5)
