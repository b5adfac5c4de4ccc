"""
Text of `howdah health` and `howdah pool advise`.

Pure: report in, text out.
"""

from __future__ import annotations

from howdah.model.health import HealthCheck, HealthReport, PoolAdviceReport
from howdah.report.layout import lay_out_facts, lay_out_table, wrap


def render_health(report: HealthReport, *, width: int = 100) -> str:
    """Return the checks as a table, and what is wrong in full below it."""
    rows = [
        (check.status.value, check.name, format_observed(check), check.output or check.detail)
        for check in report.checks
    ]
    lines = [f"{report.status.value}  {report.target}".rstrip(), ""]
    lines += lay_out_table(("", "check", "observed", ""), rows, right=frozenset({2}), width=width)
    for check in report.checks:
        if check.output and check.detail:
            lines += ["", *wrap(f"{check.output} {check.detail}", width=width)]
    if report.notes:
        lines.append("")
    for note in report.notes:
        lines += wrap(note, width=width, first="note: ", indent="      ")
    return "\n".join(lines)


def format_observed(check: HealthCheck) -> str:
    """Return what was observed with its unit, "" where nothing was."""
    if check.observed_value is None:
        return ""
    return f"{check.observed_value} {check.observed_unit}".strip()


def render_pool_advice(report: PoolAdviceReport, *, width: int = 100) -> str:
    """Return the sizes as they go into the environment, the reasons, and what should change."""
    lines = [
        f"DATABASE_POOL_MIN={report.pool_min}",
        f"DATABASE_POOL_MAX={report.pool_max}",
        "",
    ]
    lines += lay_out_facts(
        [
            ("processes", str(report.processes)),
            ("processors", str(report.cores) if report.cores else "not known"),
            ("sessions", f"{report.sessions} of others, {report.active} at work"),
            ("at most", f"{report.ceiling} in each pool"),
        ],
        width=width,
    )
    lines += ["", "Why"]
    for reason in report.reasons:
        lines += wrap(reason, width=width, first="  - ", indent="    ")
    for warning in report.warnings:
        lines += ["", *wrap(warning, width=width, first="warning: ", indent="         ")]
    return "\n".join(lines)
