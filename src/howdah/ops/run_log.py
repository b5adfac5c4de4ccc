"""
The log of a run: a plain text file in its directory, for whoever asks later what happened.

One line per event, in UTC, appended by every attempt at the run. The logger belongs to
the verb that opened it and to nobody else: nothing is registered with Python's
logging, and a library's user sees nothing of it in theirs.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from howdah.errors import BugError, HowdahError
from howdah.model.report import RunReport
from howdah.postgres.conninfo import redact


class _Formatter(logging.Formatter):
    """Times in UTC, and no secret, whatever a traceback holds."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)sZ %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)


class _Handler(logging.FileHandler):
    """Writes lines, or nothing: a full disk is told by what needs the disk, not by the log."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is Python's
        return


@contextmanager
def run_log(path: Path, secrets: Iterable[str] = ()) -> Iterator[logging.Logger]:
    """
    Give a logger that appends to `path` (mode 0600); what leaves the block as an exception is logged too.

    Raises OSError where the file cannot be written.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    logger = logging.Logger("howdah")
    handler = _Handler(path, encoding="utf-8")
    handler.setFormatter(_Formatter(secrets))
    logger.addHandler(handler)
    try:
        yield logger
    except BugError:
        logger.exception("a bug")
        raise
    except HowdahError as error:
        logger.error("%s", error)  # noqa: TRY400 - foreseen: its traceback says nothing to anybody
        raise
    except KeyboardInterrupt:
        logger.warning("interrupted")
        raise
    except BaseException:
        logger.exception("a bug")
        raise
    finally:
        handler.close()


def log_report(log: logging.Logger, report: RunReport) -> None:
    """Write down findings, differences and how the run ended."""
    for finding in report.findings:
        log.log(
            logging.getLevelNamesMapping()[finding.severity.upper()],
            "finding %s %s: %s %s",
            finding.code,
            finding.object,
            finding.message,
            finding.detail,
        )
    for difference in report.differences:
        log.error(
            "difference %s in table %s, key %s, column %s: %s | %s %s",
            difference.kind,
            difference.table,
            difference.key,
            difference.column,
            difference.source,
            difference.target,
            difference.detail,
        )
    for table in report.tables:
        log.info(
            "table %s: %d rows in the source, %d in the target, %d in quarantine, %s",
            table.name,
            table.rows_source,
            table.rows_target,
            table.rows_quarantined,
            table.proof.status if table.proof else "not verified",
        )
    log.info("ended: %s, exit status %d", report.status, report.exit_status)


def copy_log(path: Path, directory: Path) -> None:
    """Put a copy of the log, as private as it is, beside a report that is written elsewhere."""
    destination = directory / path.name
    destination.touch(mode=0o600)
    shutil.copyfile(path, destination)
