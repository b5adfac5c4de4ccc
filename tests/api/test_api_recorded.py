"""Requests that Strapi 5.54 was asked, and what it answered over the same rows."""

from __future__ import annotations

import httpx
import pytest

from support.api import Recorded, Replay, read_recorded


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


def test_writes_are_carried_out_as_by_strapi(api: httpx.Client) -> None:
    replay = Replay(api)
    differences = {item.name: replay.difference(item) for item in read_recorded("writes")}
    assert {name: found for name, found in differences.items() if found} == {}


@pytest.mark.slow
def test_further_writes_are_carried_out_as_by_strapi(specimens_api: httpx.Client) -> None:
    """Every rule of every type of attribute, components, locales, drafts, relations and their places."""
    replay = Replay(specimens_api)
    items = read_recorded("further-writes")
    differences = {item.name: replay.difference(item) for item in items}
    assert len(items) > 400
    assert {name: found for name, found in differences.items() if found} == {}
