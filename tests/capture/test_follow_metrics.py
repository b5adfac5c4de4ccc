"""Lag, rate and backlog while it follows, as Prometheus reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from howdah.errors import EnvironmentFailedError
from howdah.model.live import Standing
from howdah.ops.follow import FollowRequest, follow
from howdah.service.live_metrics import LiveMetrics
from support.files import make_database
from support.processes import run_sqlite
from support.runs import target_request


def test_the_metrics_tell_what_waits_and_what_was_applied(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "app.db", "CREATE TABLE item (id INTEGER PRIMARY KEY, note TEXT)")
    announced: list[str] = []
    request = FollowRequest(
        source=str(source),
        target=replace(target_request(database), announce=announced.append),
        consent=True,
        until_caught_up=True,
    )
    follow(request)
    run_sqlite(source, "connection.executescript(\"INSERT INTO item (note) VALUES ('a'), ('b'), ('c')\")")

    pages: list[dict[str, float]] = []

    def scrape(_: Standing) -> None:
        url = next(line for line in announced if line.startswith("metrics: ")).removeprefix("metrics: ")
        assert url.startswith("http://127.0.0.1:")
        pages.append(_read(httpx.get(url).text))

    follow(replace(request, metrics_port=0, tell=scrape))
    waiting, applied = pages[0], pages[-1]
    assert waiting["howdah_live_phase{phase=following}"] == 1
    assert (waiting["howdah_live_backlog_entries"], waiting["howdah_live_rows_applied_total"]) == (3, 0)
    assert waiting["howdah_live_lag_seconds"] > 0
    assert (applied["howdah_live_backlog_entries"], applied["howdah_live_rows_applied_total"]) == (0, 3)
    assert applied["howdah_live_rows_per_second"] > 0
    assert applied["howdah_live_lag_seconds"] < waiting["howdah_live_lag_seconds"]
    url = next(line for line in announced if line.startswith("metrics: ")).removeprefix("metrics: ")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_batch_that_takes_long_lets_the_lag_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("howdah.service.live_metrics.time.monotonic", lambda: now)
    metrics = LiveMetrics()
    assert "howdah_live_lag_seconds" not in {metric.name for metric in metrics.collect()}
    metrics.tell(Standing(phase="following", backlog=7, behind_seconds=1.5))
    now = 103.0
    lag = next(metric for metric in metrics.collect() if metric.name == "howdah_live_lag_seconds")
    assert [sample.value for sample in lag.samples] == [4.5]


def test_a_port_that_is_taken_stops_it_before_anything_is_touched(tmp_path: Path, database: str) -> None:
    import socket

    source = make_database(tmp_path / "app.db", "CREATE TABLE item (id INTEGER PRIMARY KEY)")
    before = source.read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(EnvironmentFailedError) as refused:
        follow(
            FollowRequest(
                source=str(source),
                target=target_request(database),
                consent=True,
                metrics_port=taken.getsockname()[1],
            )
        )
    assert refused.value.code == "A-111"
    assert source.read_bytes() == before


def _read(page: str) -> dict[str, float]:
    return {
        sample.name + "".join(f"{{{name}={value}}}" for name, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("howdah_live_")
    }
