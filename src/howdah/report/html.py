"""
The report as one HTML page that needs nothing else: no network, no fonts, no scripts to be read.

What the page says is decided in `report.verdict` and `report.digest`; the template
places it. Every text is made printable and escaped on its way in, so a name
that is markup shows as itself.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from howdah.model.findings import Severity
from howdah.model.report import ProofStatus, RunReport, TableReport
from howdah.report.digest import (
    collect_changes,
    collect_objects,
    count_changes,
    count_differences,
    count_severities,
    group_findings,
    place_phases,
    total,
)
from howdah.report.health import format_observed
from howdah.report.printable import printable, printable_name
from howdah.report.verdict import judge
from howdah.units import format_amount, format_count, format_seconds, format_size, pluralize

#: Objects shown of one group of findings before the rest is folded away.
OBJECTS_SHOWN = 6
#: Differences shown of those that report.json lists.
DIFFERENCES_SHOWN = 500
#: Values altered by a rule that the page names; report.json has all of them.
TOUCHED_SHOWN = 200

_SEVERITY_NAMES = {
    Severity.ERROR: ("error", "errors"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.INFO: ("note", "notes"),
}
_PROOF_METHODS = {
    "integer-ranges": "every row compared by ranges of its integer key",
    "buckets": "keyed 128-bit hash of every row, summed in buckets of its key",
    "rows": "keyed 128-bit hash of every row, summed as a multiset (the table has no key)",
}


def render_html(report: RunReport) -> str:
    """Return the whole page."""
    findings = group_findings(report.findings)
    return (
        page_environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            verdict=judge(report),
            totals=total(report),
            bars=place_phases(report.phases),
            objects=collect_objects(report.objects),
            changes=collect_changes(report.tables),
            findings=[
                (severity, count, [group for group in findings if group.severity is severity])
                for severity, count in count_severities(report.findings)
            ],
            set_aside=[table for table in report.tables if table.rows_quarantined],
            anchors={table.name: f"table-{number}" for number, table in enumerate(report.tables, 1)},
            objects_shown=OBJECTS_SHOWN,
            differences_shown=DIFFERENCES_SHOWN,
            difference_count=count_differences(report),
            touched_shown=TOUCHED_SHOWN,
        )
    )


@cache
def page_environment() -> Environment:
    """Return what renders pages: texts are made printable and escaped, amounts have filters."""
    environment = Environment(
        loader=PackageLoader("howdah.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {
        "amount": format_amount,
        "noun": pluralize,
        "count": format_count,
        "seconds": format_seconds,
        "size": format_size,
        "breakable": _make_breakable,
        "sentence": _begin_sentence,
        "needs_a_look": needs_a_look,
        "proof_tone": proof_tone,
        "changed": count_changes,
        "observed": format_observed,
    }
    environment.globals |= {
        "severity_names": _SEVERITY_NAMES,
        "proof_methods": _PROOF_METHODS,
        "ProofStatus": ProofStatus,
    }
    return environment


def needs_a_look(table: TableReport) -> bool:
    """Return whether a table did not simply arrive."""
    return proof_tone(table) == "bad" or bool(table.rows_quarantined)


def proof_tone(table: TableReport) -> str:
    """Return the tone of a table's proof: good, caution (not verified) or bad."""
    if not table.carried:
        return "good"
    if table.proof is None or table.proof.status is ProofStatus.UNPROVEN:
        return "caution"
    return "good" if table.proof.status is ProofStatus.PROVEN else "bad"


def _finalize(value: Any) -> Any:
    # Escaping follows by itself; text that is already markup is ours.
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value)
    return value


def _begin_sentence(text: str) -> str:
    """Begin with a capital; `str.capitalize` would lower the rest."""
    return text[:1].upper() + text[1:]


def _make_breakable(text: str) -> Markup:
    """Let a long name or path break after the marks that people break it at."""
    broken = Markup("")
    for part in printable_name(text):
        broken += part
        if part in "_./-@?&=:,":
            broken += Markup("<wbr>")
    return broken
