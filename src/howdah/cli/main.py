"""Run the command line, and end the process with the status that the documentation promises."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
import typer.main

from howdah.cli.app import app
from howdah.cli.failures import describe_bug, interruption, tell
from howdah.cli.session import Session
from howdah.errors import BugError, EnvironmentFailedError, ExitStatus, HowdahError, RefusedError, UsageError
from howdah.process.interrupts import Interrupts, leave_at_once

#: What typer raises for a command line that it cannot read; it has no name of its own there.
_ParserError: type[Any] = typer.BadParameter.__mro__[2]

#: What a disk or its permissions answer, whoever asked.
_OF_THE_MACHINE = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.EBUSY,
        errno.ESTALE,
        errno.ENODEV,
    }
)
_TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run `argv`, the process's own by default, and end the process."""
    _open_missing_streams()
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if "_HOWDAH_COMPLETE" in os.environ:
        app(prog_name="howdah")
    as_json = "--json" in arguments or os.environ.get("HOWDAH_JSON", "").lower() in _TRUE
    session = Session(as_json=as_json)

    def give_up() -> None:
        if sys.stderr.isatty():
            # The display of progress hides the cursor.
            sys.stderr.write("\x1b[?25h\n")
        tell(interruption(), session)
        leave_at_once(ExitStatus.INTERRUPTED)

    with Interrupts(give_up) as interrupts:
        failure: HowdahError
        try:
            _run(arguments, session)
            sys.stdout.flush()
        except typer.Exit as end:
            sys.stdout.flush()
            sys.exit(end.exit_code)
        except KeyboardInterrupt:
            failure = interruption()
        except BrokenPipeError:
            # The reader of our output went away; there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(ExitStatus.ENVIRONMENT)
        except Exception as error:
            failure = interruption() if interrupts.received else _explain(error, arguments, session)
        else:
            sys.exit(ExitStatus.OK)
    tell(failure, session)
    if failure.exit_status is ExitStatus.INTERRUPTED:
        # A thread may still be deep in a library, and Python would wait for it.
        leave_at_once(failure.exit_status)
    sys.exit(failure.exit_status)


def _open_missing_streams() -> None:
    """
    Put /dev/null in the place of standard streams that whoever started us has closed, as some daemons do.

    Python has none then, and the next file that is opened would get the number that libraries write
    their complaints to.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - for the process's life
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _run(arguments: list[str], session: Session) -> None:
    # Not `app()`: it would turn Ctrl-C and usage errors into statuses and texts of its own.
    command = typer.main.get_command(app)
    with command.make_context("howdah", arguments, obj=session) as context:
        command.invoke(context)


def _explain(error: Exception, arguments: Sequence[str], session: Session) -> HowdahError:
    if isinstance(error, HowdahError) and not isinstance(error, BugError):
        return error
    if isinstance(error, _ParserError):
        return _explain_usage(error, arguments, session)
    if isinstance(error, typer.Abort):
        return RefusedError("U-402", "Nothing was done: the question was not answered with yes.")
    if isinstance(error, MemoryError):
        return EnvironmentFailedError(
            "X-003", "The machine ran out of memory.", hint="Use fewer --jobs, or a machine with more."
        )
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        return EnvironmentFailedError(
            "X-002",
            f"{error.strerror}: {error.filename}." if error.filename else f"{error.strerror}.",
            hint="Make space, or see to the permissions there, and run the same command again.",
        )
    from howdah.postgres.errors import as_howdah_error

    known = as_howdah_error(error)
    if known is not None and not isinstance(known, BugError):
        return known
    return describe_bug(error if known is None else known.with_traceback(error.__traceback__), arguments)


def _explain_usage(error: Any, arguments: Sequence[str], session: Session) -> UsageError:
    """Say what is wrong with the command line; a misplaced target must not show its password."""
    from howdah.redaction import redact_known

    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "howdah"
    session.verb = path.partition(" ")[2]
    message = redact_known(str(error.format_message()), arguments).rstrip()
    return UsageError(
        "U-401", message if message.endswith((".", "?")) else f"{message}.", hint=f'See "{path} --help".'
    )
