"""Text and HTML of `howdah accept`. Pure: report in, text out."""

from __future__ import annotations

from howdah.model.acceptance import AcceptanceReport, Criterion, CriterionStatus
from howdah.report.html import page_environment
from howdah.report.layout import wrap

_MARKS = {CriterionStatus.MET: "✓", CriterionStatus.NOT_MET: "✗", CriterionStatus.NOT_SEEN: "?"}


def render_acceptance(report: AcceptanceReport, *, width: int = 100) -> str:
    """Return each criterion with its tick or cross and its evidence, and the whole in the first line."""
    met = sum(criterion.met for criterion in report.criteria)
    lines = [f"{report.status}: {met} of {len(report.criteria)} criteria are met", f"target: {report.target}"]
    for criterion in report.criteria:
        lines += ["", *_render_criterion(criterion, width)]
    return "\n".join(lines)


def _render_criterion(criterion: Criterion, width: int) -> list[str]:
    suffix = " (not seen)" if criterion.status is CriterionStatus.NOT_SEEN else ""
    lines = [f"{_MARKS[criterion.status]} {criterion.sentence}{suffix}"]
    for evidence in criterion.evidence:
        lines += wrap(evidence, width=width, first="    ", indent="    ")
    if criterion.hint:
        lines += wrap(criterion.hint, width=width, first="    hint: ", indent="          ")
    return lines


def render_acceptance_page(report: AcceptanceReport) -> str:
    """Return the same as one HTML page that needs nothing else."""
    return (
        page_environment()
        .get_template("acceptance.html.j2")
        .render(report=report, met=sum(criterion.met for criterion in report.criteria))
    )
