"""
backup --every: the same backup again and again, remembered over restarts; what fails is told and tried again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from howdah.archive.manifest import write_moment
from howdah.archive.schedule import (
    Schedule,
    first_run,
    next_run,
    parse_period,
    read_schedule,
    retry_run,
    write_schedule,
)
from howdah.errors import BugError, EnvironmentFailedError, HowdahError, UsageError
from howdah.model.backup_reports import BackupReport
from howdah.ops.backup import BackupRequest, backup, repository_of
from howdah.process.progress import Progress

#: Seconds between two looks at the clock: a machine that slept notices.
_LOOK = 15.0


def run_schedule(
    request: BackupRequest,
    every: str,
    *,
    tell: Callable[[BackupReport], None],
    complain: Callable[[HowdahError], None],
    make_progress: Callable[[], Progress],
) -> None:
    """
    Back up until interrupted; `tell` gets each report, `complain` each failure.

    Returns when it is interrupted while it waits. Raises what is wrong with the request itself.
    """
    period = parse_period(every)
    repository = repository_of(request)
    planned = first_run(read_schedule(repository), period, datetime.now(UTC))
    write_schedule(repository, Schedule(every=period, next_at=planned))
    while _wait_until(planned):
        try:
            with make_progress() as progress:
                report = backup(request, progress)
        except (UsageError, BugError):
            # Trying again would not change it.
            raise
        except HowdahError as error:
            complain(error)
            planned = retry_run(period, datetime.now(UTC))
            continue
        planned = next_run(planned, period, datetime.now(UTC), random.random())  # noqa: S311 - spreads load
        try:
            write_schedule(repository, Schedule(every=period, next_at=planned))
        except EnvironmentFailedError as error:
            # The backup is made; whoever starts again before this is written backs up at once.
            complain(error)
        tell(replace(report, next_at=write_moment(planned)))


def _wait_until(moment: datetime) -> bool:
    """Wait; tell whether it came, or somebody ended the service."""
    try:
        while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
            time.sleep(min(left, _LOOK))
    except KeyboardInterrupt:
        return False
    return True
