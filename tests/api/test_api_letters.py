"""Letters about passwords and addresses: what they say, that what they say works, and where none can go."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from howdah.service.mail import MailSettings
from support.api import recorded_settings, serving
from support.smtp import MailServer, mail_server

_ADVANCED = "plugin_users-permissions_advanced"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def mailing_api(strapi_database: str, mail: MailServer, tmp_path: Path) -> Iterator[httpx.Client]:
    settings = replace(
        recorded_settings(tmp_path),
        public_url="https://api.example.com",
        mail=MailSettings(host="127.0.0.1", port=mail.port, security="none"),
    )
    with serving(strapi_database, settings) as client:
        yield client


def _set_advanced(dsn: str, **values: object) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE strapi_core_store_settings SET value = (value::jsonb || %s::jsonb)::text WHERE key = %s",
            (json.dumps(values), _ADVANCED),
        )


def _login(api: httpx.Client, identifier: str, password: str) -> httpx.Response:
    return api.post("/api/auth/local", json={"identifier": identifier, "password": password})


def test_a_forgotten_password_is_set_anew_by_letter(
    mailing_api: httpx.Client, strapi_database: str, mail: MailServer
) -> None:
    _set_advanced(strapi_database, email_reset_password="https://example.com/new-password")
    asked = mailing_api.post("/api/auth/forgot-password", json={"email": "USER0@example.com"})
    assert (asked.status_code, asked.json()) == (200, {"ok": True})
    (letter,) = mail.received
    assert (letter["To"], letter["Subject"]) == ("user0@example.com", "Reset password")
    assert letter["From"] == "Administration Panel <no-reply@strapi.io>"
    found = re.search(r"https://example\.com/new-password\?code=([0-9a-f]{128})", letter.get_content())
    assert found is not None

    new = {"password": "anew-anew", "passwordConfirmation": "anew-anew", "code": found[1]}
    changed = mailing_api.post("/api/auth/reset-password", json=new)
    assert changed.status_code == 200, changed.text
    assert _login(mailing_api, "user0@example.com", "anew-anew").status_code == 200
    # A code is good for once.
    assert mailing_api.post("/api/auth/reset-password", json=new).status_code == 400


def test_an_address_is_confirmed_by_letter(
    mailing_api: httpx.Client, strapi_database: str, mail: MailServer
) -> None:
    _set_advanced(
        strapi_database, email_confirmation=True, email_confirmation_redirection="https://example.com/hello"
    )
    body = {"username": "<b>new</b>", "email": "new@example.com", "password": "secret-secret"}
    registered = mailing_api.post("/api/auth/local/register", json=body)
    assert registered.status_code == 200, registered.text
    assert "jwt" not in registered.json()
    assert "not confirmed" in _login(mailing_api, "new@example.com", "secret-secret").text
    again = mailing_api.post("/api/auth/send-email-confirmation", json={"email": "new@example.com"})
    assert again.json() == {"email": "new@example.com", "sent": True}

    links = [
        re.search(r"https://api\.example\.com(/api/auth/email-confirmation\?\S+?)<", one.get_content())
        for one in mail.received
    ]
    assert len(links) == 2
    first, second = (link[1] for link in links if link is not None)
    assert mailing_api.get(first).status_code == 400
    confirmed = mailing_api.get(second)
    assert (confirmed.status_code, confirmed.headers["location"]) == (302, "https://example.com/hello")
    assert _login(mailing_api, "new@example.com", "secret-secret").status_code == 200


def test_what_a_user_chose_is_no_markup_in_a_letter(
    mailing_api: httpx.Client, strapi_database: str, mail: MailServer
) -> None:
    with psycopg.connect(strapi_database) as connection:
        connection.execute("UPDATE up_users SET username = '<i>me</i>' WHERE id = 1")
        connection.execute(
            "UPDATE strapi_core_store_settings SET value = jsonb_set(value::jsonb,"
            " '{reset_password,options,message}', '\"<p><%= USER.username %> <%= OTHER %></p>\"')::text"
            " WHERE key = 'plugin_users-permissions_email'"
        )
    mailing_api.post("/api/auth/forgot-password", json={"email": "user0@example.com"})
    (letter,) = mail.received
    assert letter.get_content().strip() == "<p>&lt;i&gt;me&lt;/i&gt; <%= OTHER %></p>"


def test_without_a_mail_server_nobody_is_told_who_has_an_account(
    strapi_database: str, tmp_path: Path
) -> None:
    answers = []
    for settings in (MailSettings(), MailSettings(host="127.0.0.1", port=1, security="none")):
        with serving(strapi_database, replace(recorded_settings(tmp_path), mail=settings)) as client:
            for email in ("user0@example.com", "nobody@example.com"):
                answer = client.post("/api/auth/forgot-password", json={"email": email})
                answers.append((answer.status_code, answer.json()))
            with psycopg.connect(strapi_database) as connection:
                connection.execute("UPDATE up_users SET confirmed = false WHERE id = 2")
            refused = client.post("/api/auth/send-email-confirmation", json={"email": "user1@example.com"})
            assert refused.json()["error"]["message"] == "Error sending confirmation email"
    assert answers == [(200, {"ok": True})] * 4
