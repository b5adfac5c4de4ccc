"""What the benchmark of the content API makes of wrk's output."""

from __future__ import annotations

import pytest
from bench.api import parse_wrk, render

#: As wrk 4.1 prints it.
PRINTED = """Running 2s test @ http://127.0.0.1:1337/api/agents
  2 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    12.34ms    5.43ms 145.20ms   88.41%
  Latency Distribution
     50%   11.20ms
     75%   13.00ms
     90%   18.50ms
     99%   45.10ms
  2560 requests in 2.01s, 31.50MB read
  Socket errors: connect 0, read 1, write 0, timeout 2
  Non-2xx or 3xx responses: 4
Requests/sec:   1273.63
Transfer/sec:     15.67MB
"""


def test_rates_latencies_and_every_kind_of_failure_are_read() -> None:
    measured = parse_wrk("agents", PRINTED)
    assert (measured.per_second, measured.errors) == (1273.63, 7)
    assert measured.p99 == pytest.approx(0.0451)


def test_what_is_no_measurement_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing of use"):
        parse_wrk("agents", "unable to connect to 127.0.0.1:1 Connection refused")


def test_both_passes_and_their_memory_are_on_the_page() -> None:
    measured = {"name": "agents", "per_second": 1220.0, "p99": 0.045, "errors": 0}
    document = {
        "machine": {
            "taken": "2026-01-02",
            "processors": 2,
            "processor": "x",
            "postgresql": 16,
            "python": "3.12",
            "libraries": {"howdah": "1"},
            "connections": 16,
            "seconds": 10,
        },
        "strapi": {"agents": {"per_second": 61, "p99": 0.55}},
        "passes": [
            {"name": "as it is", "measured": [measured], "memory": 85.4},
            {"name": "no answers kept", "measured": [{**measured, "per_second": 610.0}], "memory": 84.0},
        ],
    }
    page = render(document)
    assert "| agents | as it is | 1,220 | 45 ms | 0 | 61 | 0.55 s | 20 |" in page
    assert "| agents | no answers kept | 610 | 45 ms | 0 | 61 | 0.55 s | 10 |" in page
    assert "85 MB (as it is), 84 MB (no answers kept)" in page
