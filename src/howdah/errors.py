"""
The error tree: what went wrong, the detail, and what to do about it.

Every error that leaves Howdah carries a stable code, a first sentence, an
optional detail and hint, and the exit status that the process ends with. The
statuses are the command-line contract; `ExitStatus` is their only definition.
Nothing of ours is imported here.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """How a process ends. Where several hold, see :func:`combine_statuses`."""

    OK = 0
    USAGE = 2
    DIFFERENT = 3
    REFUSED = 4
    QUARANTINED = 5
    INTERRUPTED = 6
    ENVIRONMENT = 7
    INTEGRITY = 8
    UNPROVEN = 9
    BUG = 70


#: Most important first: damage outranks difference, which outranks quarantine.
_PRECEDENCE = (
    ExitStatus.BUG,
    ExitStatus.INTEGRITY,
    ExitStatus.DIFFERENT,
    ExitStatus.QUARANTINED,
    ExitStatus.UNPROVEN,
)


def combine_statuses(*statuses: ExitStatus) -> ExitStatus:
    """Return the status to exit with where several hold (8, then 3, then 5, then 9)."""
    for status in _PRECEDENCE:
        if status in statuses:
            return status
    return max(statuses, default=ExitStatus.OK)


class HowdahError(Exception):
    """
    Base of every error that a person is meant to read.

    `code` is stable and never reused; `message` is the first sentence; `detail`
    says what was found; `hint` says what to do. None of them holds a secret.
    """

    exit_status: ExitStatus = ExitStatus.BUG

    def __init__(self, code: str, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes raise these too: keyword-only arguments do not pickle by themselves.
        return (_rebuild, (type(self), self.code, self.message, self.detail, self.hint))

    def __str__(self) -> str:
        lines = [f"error {self.code}: {self.message}"]
        if self.detail:
            lines.append(f"detail: {self.detail}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


def _rebuild(cls: type[HowdahError], code: str, message: str, detail: str, hint: str) -> HowdahError:
    return cls(code, message, detail=detail, hint=hint)


class UsageError(HowdahError):
    """The command line, a setting or a plan file is wrong; nothing was done."""

    exit_status = ExitStatus.USAGE


class DifferenceError(HowdahError):
    """The two sides differ."""

    exit_status = ExitStatus.DIFFERENT


class RefusedError(HowdahError):
    """Howdah declined before anything was changed."""

    exit_status = ExitStatus.REFUSED


class InterruptedRunError(HowdahError):
    """The run was stopped half-way; the same command resumes it."""

    exit_status = ExitStatus.INTERRUPTED


class EnvironmentFailedError(HowdahError):
    """The server, the network or a disk failed; trying again may work."""

    exit_status = ExitStatus.ENVIRONMENT


class IntegrityError(HowdahError):
    """The source file or a backup is damaged."""

    exit_status = ExitStatus.INTEGRITY


class BugError(HowdahError):
    """Howdah contradicted itself; please report it."""

    exit_status = ExitStatus.BUG
