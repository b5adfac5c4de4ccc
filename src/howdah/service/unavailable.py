"""
Why a request got no connection: every reason is a 503 that may be tried again.

`message` may be shown to anybody; `detail` holds what the server said, with hosts and roles, and
belongs into the log of the operator alone.
"""

from __future__ import annotations

from howdah.errors import EnvironmentFailedError


class UnavailableError(EnvironmentFailedError):
    """No connection could be lent; the service answers 503."""

    #: Seconds after which trying again makes sense, for Retry-After.
    retry_after = 1


class QueueFullError(UnavailableError):
    """As many requests as may wait are waiting."""

    def __init__(self, max_size: int, max_waiting: int) -> None:
        super().__init__(
            "A-141",
            "The service is busy: too many requests wait for the database.",
            detail=f"All {max_size} connections are in use and {max_waiting} requests wait for one.",
            hint='Try again in a moment. Where this happens often, "howdah pool advise" says what fits.',
        )


class NoConnectionInTimeError(UnavailableError):
    """A request waited as long as it may."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(
            "A-142",
            "No connection to the database became free in time.",
            detail=f"After {seconds:.1f} seconds: {reason}",
            hint="Look for long statements (pg_stat_activity), or why connections do not come about.",
        )


class ConnectionRefusedByServerError(UnavailableError):
    """The server answers, and does not let the service in: waiting does not help, somebody has to act."""

    retry_after = 5

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__("A-143", "The database does not let the service in.", detail=reason, hint=hint)


class NoWritesError(UnavailableError):
    """A live migration has the data on its other side, or on its way: reads go on, writes do not."""

    def __init__(
        self, code: str, message: str, *, retry_after: int, detail: str = "", hint: str = ""
    ) -> None:
        super().__init__(code, message, detail=detail, hint=hint)
        self.retry_after = retry_after


class PoolClosedError(UnavailableError):
    """The service is shutting down."""

    retry_after = 5

    def __init__(self) -> None:
        super().__init__("A-144", "The service is shutting down.")
