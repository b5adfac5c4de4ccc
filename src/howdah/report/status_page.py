"""
The status page of the running service: one ServiceStatus as HTML, complete without scripts.

Style and script are files of their own, because the page's security policy allows nothing inline.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from howdah.model.health import HealthCheck, HealthStatus
from howdah.model.service_status import PoolGauges, PoolMoment, ServiceStatus, TableRows
from howdah.report.html import page_environment

#: Units of the sparkline's drawing, which is stretched to its place.
_WIDTH, _HEIGHT = 600, 100


@dataclass(frozen=True, kw_only=True)
class StatusVerdict:
    """The whole in a word and a sentence."""

    word: str
    sentence: str
    #: good, caution or bad.
    tone: str


@dataclass(frozen=True, kw_only=True)
class Sparkline:
    """Paths of SVG, and what they show in figures."""

    width: int
    height: int
    seconds: int
    most_used: int
    most_waiting: int
    used_area: str
    used_line: str
    waiting_line: str


def render_status_page(status: ServiceStatus) -> str:
    """Return the page."""
    typed = [table for table in status.database.tables if table.content_type]
    others = [table for table in status.database.tables if not table.content_type]
    pool = status.pool
    return (
        page_environment()
        .get_template("status.html.j2")
        .render(
            status=status,
            verdict=judge_service(status),
            spark=draw_sparkline(pool.history, pool.max_size) if pool else None,
            bar=_measure_bar(pool) if pool else None,
            groups=_group(typed, others),
        )
    )


@cache
def read_status_asset(name: str) -> str:
    """Return status.css or status.js."""
    folder = files("howdah.report").joinpath("templates")
    text = folder.joinpath(name).read_text(encoding="utf-8")
    if name == "status.css":
        return folder.joinpath("report.css").read_text(encoding="utf-8") + text
    return text


def judge_service(status: ServiceStatus) -> StatusVerdict:
    """Say in a word how the service is."""
    attention = [check.output or check.name for check in status.health.checks if _wants_attention(check)]
    if not status.ready:
        return StatusVerdict(word="Not ready", sentence=status.reason, tone="bad")
    if attention:
        return StatusVerdict(
            word="Ready, with warnings" if len(attention) > 1 else "Ready, with a warning",
            sentence=" ".join(attention),
            tone="caution",
        )
    return StatusVerdict(
        word="Ready", sentence="The service takes requests; every check passes.", tone="good"
    )


def draw_sparkline(history: tuple[PoolMoment, ...], max_size: int) -> Sparkline | None:
    """Draw the last minutes, the full height being the largest of the pool's size and the longest queue."""
    if len(history) < 2:
        return None
    top = max(max_size, *(moment.waiting for moment in history))
    used = _line([moment.used for moment in history], top)
    return Sparkline(
        width=_WIDTH,
        height=_HEIGHT,
        seconds=len(history),
        most_used=max(moment.used for moment in history),
        most_waiting=max(moment.waiting for moment in history),
        used_area=f"{used} V{_HEIGHT} H0 Z",
        used_line=used,
        waiting_line=_line([moment.waiting for moment in history], top),
    )


def _line(values: list[int], top: int) -> str:
    step = _WIDTH / (len(values) - 1)
    points = (
        f"{number * step:.1f} {_HEIGHT - value / top * (_HEIGHT - 4) - 2:.1f}"
        for number, value in enumerate(values)
    )
    return "M" + " L".join(points)


def _measure_bar(pool: PoolGauges) -> dict[str, float]:
    return {
        "used": round(100 * pool.used / pool.max_size, 1),
        "idle": round(100 * min(pool.max_size, pool.used + pool.idle) / pool.max_size, 1),
    }


def _group(typed: list[TableRows], others: list[TableRows]) -> list[tuple[str, list[TableRows], bool]]:
    if not typed:
        return [("All tables", others, True)]
    return [("Content types", typed, True), ("Other tables", others, False)]


def _wants_attention(check: HealthCheck) -> bool:
    return check.status is not HealthStatus.PASS
