"""Requests that Strapi 5.54 was asked, and what it answered over the same rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from support.api import Recorded, Replay, read_recorded, recorded_settings, serving


@pytest.mark.parametrize("item", read_recorded("reads"), ids=lambda item: item.name)
def test_a_read_is_answered_as_by_strapi(reading_api: httpx.Client, item: Recorded) -> None:
    assert Replay(reading_api).difference(item) == ""


def test_further_reads_are_answered_as_by_strapi(reading_api: httpx.Client) -> None:
    """Every operator on every type of value, sorts, fields, populates and pages; well formed and not."""
    replay = Replay(reading_api)
    items = read_recorded("further-reads")
    differences = {item.name: replay.difference(item) for item in items}
    assert len(items) > 1000
    assert {name: found for name, found in differences.items() if found} == {}


def test_access_is_granted_and_refused_as_by_strapi(api: httpx.Client) -> None:
    replay = Replay(api)
    differences = {item.name: replay.difference(item) for item in read_recorded("access")}
    assert {name: found for name, found in differences.items() if found} == {}


def test_accounts_are_kept_as_by_strapi(strapi_database: str, tmp_path: Path) -> None:
    """Logins, passwords, addresses, users, roles and rights, locales, methods that no path takes."""
    items = read_recorded("further-access")
    assert len(items) > 200
    # Guessing is slowed down; these are more logins than anybody's.
    with serving(strapi_database, replace(recorded_settings(tmp_path), login_attempts=1000)) as client:
        replay = Replay(client)
        differences = {item.name: replay.difference(item) for item in items}
    assert {name: found for name, found in differences.items() if found} == {}


def test_writes_are_carried_out_as_by_strapi(api: httpx.Client) -> None:
    replay = Replay(api)
    differences = {item.name: replay.difference(item) for item in read_recorded("writes")}
    assert {name: found for name, found in differences.items() if found} == {}


def test_values_are_read_and_refused_as_by_strapi(api: httpx.Client) -> None:
    """Blocks of rich text, bodies that are no JSON, rows that are not there, an entry and itself."""
    replay = Replay(api)
    items = read_recorded("further-values")
    differences = {item.name: replay.difference(item) for item in items}
    assert len(items) > 150
    assert {name: found for name, found in differences.items() if found} == {}


def test_values_are_read_as_javascript_reads_them(specimens_api: httpx.Client) -> None:
    """Numbers in text and beyond all bounds, what only looks like NUL, lists of documentIds and locales."""
    replay = Replay(specimens_api)
    items = read_recorded("as-javascript")
    differences = {item.name: replay.difference(item) for item in items}
    assert len(items) > 120
    assert {name: found for name, found in differences.items() if found} == {}


@pytest.mark.slow
def test_further_writes_are_carried_out_as_by_strapi(specimens_api: httpx.Client) -> None:
    """Every rule of every type of attribute, components, locales, drafts, relations and their places."""
    replay = Replay(specimens_api)
    items = read_recorded("further-writes")
    differences = {item.name: replay.difference(item) for item in items}
    assert len(items) > 400
    assert {name: found for name, found in differences.items() if found} == {}


@pytest.mark.long
def test_drafts_and_entries_related_with_themselves_are_written_as_by_strapi(
    specimens_api: httpx.Client,
) -> None:
    """What a draft may have, everything that is wrong at once, an entry and itself; lists of files."""
    replay = Replay(specimens_api)
    items = read_recorded("drafts")
    differences = {item.name: replay.difference(item) for item in items}
    assert len(items) > 80
    assert {name: found for name, found in differences.items() if found} == {}


@pytest.mark.long
def test_requests_of_every_kind_are_answered_as_by_strapi(specimens_api: httpx.Client) -> None:
    """Nested conditions, sorts and populates through relations, pages, versions, places of relations."""
    replay = Replay(specimens_api)
    items = read_recorded("various")
    differences = {item.name: replay.difference(item) for item in items}
    assert len(items) > 150
    assert {name: found for name, found in differences.items() if found} == {}
