"""
What the content API answers instead of data: Strapi's error names, statuses and wording.

Raised by everything that checks a request; the service turns them into answers and does nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class RequestFault(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """A request that is answered with an error; `details` None leaves the member out."""

    def __init__(
        self, status: int, name: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message
        self.details: Mapping[str, Any] = {} if details is None else details

    def document(self) -> dict[str, Any]:
        """Return the body of the answer."""
        error = {
            "status": self.status,
            "name": self.name,
            "message": self.message,
            "details": dict(self.details),
        }
        return {"data": None, "error": error}


def invalid(message: str, details: Mapping[str, Any] | None = None) -> RequestFault:
    """Return a ValidationError."""
    return RequestFault(400, "ValidationError", message, details)


def invalid_key(key: str, path: str | None, *, param: str) -> RequestFault:
    """Return the refusal of one key of a query parameter; `path` names attributes from the root."""
    message = f"Invalid key {key} at {path}" if path and path != key else f"Invalid key {key}"
    return invalid(message, {"key": key, "path": path, "source": "query", "param": param})


def invalid_body_key(key: str, path: str | None = None) -> RequestFault:
    """Return the refusal of one key of a body."""
    message = f"Invalid key {key} at {path}" if path and path != key else f"Invalid key {key}"
    if key in ("id", "documentId"):
        return invalid(message, {"key": key, "source": "body"})
    return invalid(message, {"key": key, "path": path, "source": "body"})


def invalid_values(errors: Sequence[Mapping[str, Any]]) -> RequestFault:
    """Return one ValidationError for all values that were refused, each with path, message and value."""
    message = str(errors[0]["message"]) if len(errors) == 1 else f"{len(errors)} errors occurred"
    return invalid(message, {"errors": [dict(error) for error in errors]})


def not_found(message: str = "Not Found") -> RequestFault:
    """Return a NotFoundError."""
    return RequestFault(404, "NotFoundError", message)


def forbidden(message: str = "Forbidden") -> RequestFault:
    """Return a ForbiddenError."""
    return RequestFault(403, "ForbiddenError", message)


def unauthorized(message: str = "Missing or invalid credentials") -> RequestFault:
    """Return an UnauthorizedError."""
    return RequestFault(401, "UnauthorizedError", message)


def application_fault(message: str, details: Mapping[str, Any] | None = None) -> RequestFault:
    """Return an ApplicationError."""
    return RequestFault(400, "ApplicationError", message, details)
