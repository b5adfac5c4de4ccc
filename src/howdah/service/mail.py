"""Letters go out by SMTP, in a thread: the standard library's client waits for its server."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal

log = logging.getLogger("howdah.mail")

_TIMEOUT_SECONDS = 20.0


class MailFailedError(Exception):
    """A letter did not go out; why is in the log."""


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    #: "": no mail is sent.
    host: str = ""
    port: int = 587
    username: str = ""
    password: str = field(default="", repr=False)
    security: Literal["starttls", "tls", "none"] = "starttls"
    #: Sender of letters that name none.
    sender: str = ""


@dataclass(frozen=True, kw_only=True)
class Letter:
    to: str
    #: "": the one of the settings.
    sender: str
    reply_to: str
    subject: str
    html: str


@dataclass(frozen=True)
class Mailer:
    settings: MailSettings

    async def send(self, letter: Letter) -> None:
        """Hand a letter to the server. Raises MailFailedError."""
        if not self.settings.host:
            log.warning("A letter to a user was not sent: SMTP_HOST is not set.")
            raise MailFailedError
        try:
            await asyncio.to_thread(self._send, letter)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            log.warning("A letter to a user was not sent: %s", error)
            raise MailFailedError from None

    def _send(self, letter: Letter) -> None:
        settings = self.settings
        message = _message(letter, settings.sender)
        context = ssl.create_default_context()
        if settings.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=_TIMEOUT_SECONDS, context=context
            )
        else:
            client = smtplib.SMTP(settings.host, settings.port, timeout=_TIMEOUT_SECONDS)
        with client:
            if settings.security == "starttls":
                client.starttls(context=context)
            if settings.username:
                client.login(settings.username, settings.password)
            client.send_message(message)


def _message(letter: Letter, default_sender: str) -> EmailMessage:
    message = EmailMessage()
    message["To"] = letter.to
    message["From"] = letter.sender or default_sender
    if letter.reply_to:
        message["Reply-To"] = letter.reply_to
    # A header is one line, whatever a template says.
    message["Subject"] = " ".join(letter.subject.split())
    message.set_content(letter.html, subtype="html")
    return message
