"""
Letters to users, from the templates that Strapi keeps in the database (`<%= URL %>`, `<%= USER.email %>`).

Pure. Names that a template does not have are left as they stand. What users chose themselves is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from howdah.service.mail import Letter

_PLACE = re.compile(r"<%=\s*([\w.]+)\s*%>")
_DEFAULT_MESSAGES = {
    "reset_password": ("Reset password", "<p>Reset your password: <%= URL %>?code=<%= TOKEN %></p>"),
    "email_confirmation": (
        "Account confirmation",
        "<p>Confirm your address: <%= URL %>?confirmation=<%= CODE %></p>",
    ),
}


def reset_letter(
    settings: Mapping[str, Any], user: Mapping[str, Any], code: str, *, url: str, server: str
) -> Letter:
    """Return the letter about a new password; `url` is the page that takes it."""
    return _letter("reset_password", settings, user, {"URL": url, "TOKEN": code}, server)


def confirmation_letter(
    settings: Mapping[str, Any], user: Mapping[str, Any], code: str, *, server: str
) -> Letter:
    """Return the letter about an address that is to be confirmed."""
    url = f"{server}/api/auth/email-confirmation"
    return _letter("email_confirmation", settings, user, {"URL": url, "CODE": code}, server)


def _letter(
    kind: str, settings: Mapping[str, Any], user: Mapping[str, Any], values: Mapping[str, str], server: str
) -> Letter:
    options = _mapping(_mapping(settings.get(kind)).get("options"))
    sender = _mapping(options.get("from"))
    subject, message = _DEFAULT_MESSAGES[kind]
    known = {**values, "SERVER_URL": server, "ADMIN_URL": f"{server}/admin"}
    known |= {f"USER.{name}": html.escape(str(user[name] or "")) for name in ("username", "email")}
    address = _text(sender.get("email"))
    name = _text(sender.get("name"))
    return Letter(
        to=str(user["email"]),
        sender=f"{name} <{address}>" if name and address else address,
        reply_to=_text(options.get("response_email")),
        subject=html.unescape(_filled(_text(options.get("object")) or subject, known)),
        html=_filled(_text(options.get("message")) or message, known),
    )


def _filled(template: str, known: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: known.get(place[1], place[0]), template)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
