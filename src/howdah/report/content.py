"""
Text of the content verbs: a table of ticks, what differs, what a migration did.

Pure: report in, text out. Behind a tick stands how many were expected, behind a cross how
many of them are right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from howdah.model.content import (
    ContentCreateReport,
    ContentDifference,
    ContentListReport,
    ContentTokenReport,
    ContentVerifyReport,
    TypeCheck,
    TypeListing,
)
from howdah.report.layout import lay_out_facts, lay_out_table, wrap
from howdah.units import format_amount, format_count

_TITLES = {
    "content-type": "Content types",
    "component": "Components",
    "built-in": "Built into every Strapi",
}
_ASPECTS = ("tables", "columns", "types", "indexes", "foreign keys", "sequences")
#: Kinds of differences in the order in which they are told: what explains others comes first.
_KINDS = (
    "table",
    "column",
    "type",
    "default",
    "primary-key",
    "index",
    "foreign-key",
    "sequence",
    "probe",
)
#: Differences that are written out; the JSON document has all.
_SHOWN_MAX = 60
#: Objects of alike differences that are named.
_NAMED_MAX = 3


def render_verification(report: ContentVerifyReport, *, width: int = 110) -> str:
    """Return the ticks of every type, what differs, and a closing sentence."""
    lines = wrap(f"Tables of {report.content} in {report.target}, schema {report.schema}", width=width)
    for origin, title in _TITLES.items():
        checks = [check for check in report.types if check.origin == origin]
        if not checks:
            continue
        lines += ["", title]
        lines += lay_out_table(
            ("", "", "rows", *_ASPECTS, "probe"),
            [_tick_row(check) for check in checks],
            right=frozenset(range(2, 3 + len(_ASPECTS))),
            width=width,
        )
    if report.differences:
        lines += ["", f"What differs ({format_count(len(report.differences))})"]
        folded = _fold(report.differences)
        for line in folded[:_SHOWN_MAX]:
            lines += wrap(line, width=width, first="  ✗ ", indent="    ")
        if len(folded) > _SHOWN_MAX:
            lines.append(f"  … and more: {format_count(len(folded))} lines in all; --json has everything.")
    for note in report.notes:
        lines += ["", *wrap(note, width=width, first="note: ", indent="      ")]
    lines += ["", *wrap(_verdict(report), width=width)]
    return "\n".join(lines)


def _tick_row(check: TypeCheck) -> tuple[str, ...]:
    return (
        "✓" if check.ok else "✗",
        _name(check),
        "" if check.rows is None else format_count(check.rows),
        *(_tick(*check.counts[aspect]) for aspect in _ASPECTS),
        {"passed": "✓", "failed": f"✗ {check.probe.step}"}.get(check.probe.status, "–"),
    )


def _name(check: TypeCheck) -> str:
    # A table says more to most people than "api::mcp-server.mcp-server" does.
    return check.uid if check.origin == "component" else check.table


def _tick(right: int, expected: int) -> str:
    if not expected:
        return "–"
    return f"✓ {expected}" if right == expected else f"✗ {right}/{expected}"


def _fold(differences: Sequence[ContentDifference]) -> list[str]:
    """Return one line for each difference, and one for all that say the same of different objects."""
    alike: dict[tuple[str, str, str], list[ContentDifference]] = {}
    for difference in sorted(differences, key=lambda item: _KINDS.index(item.kind)):
        alike.setdefault((difference.kind, difference.expected, difference.found), []).append(difference)
    return [_describe(group) for group in alike.values()]


def _describe(alike: Sequence[ContentDifference]) -> str:
    first = alike[0]
    shown = ", ".join(_object(difference) for difference in alike[:_NAMED_MAX])
    more = f" and {format_count(len(alike) - _NAMED_MAX)} more" if len(alike) > _NAMED_MAX else ""
    if first.kind == "table":
        return f"{shown}{more}: {first.found}"
    return f"{shown}{more}: expected {first.expected}; found {first.found}"


def _object(difference: ContentDifference) -> str:
    match difference.kind:
        case "table":
            return f'table "{difference.table}"'
        case "probe":
            return f"probe of {difference.object}"
        case "type" | "column" | "default":
            return f'column "{difference.table}"."{difference.object}"'
        case kind:
            return f'{kind.replace("-", " ")} "{difference.object}" of "{difference.table}"'


def _verdict(report: ContentVerifyReport) -> str:
    own = [check for check in report.types if check.origin == "content-type"]
    tables = sum(len(check.tables) for check in report.types)
    wrong = [_name(check) for check in report.types if not check.ok]
    if wrong:
        shown = ", ".join(wrong[:6]) + (f" and {len(wrong) - 6} more" if len(wrong) > 6 else "")
        count = f"{format_count(len(wrong))} of {len(report.types)}"
        return f"Different: {count} types are not as expected: {shown}."
    probed = "each was probed" if report.probed else "none was probed"
    return (
        f"Verified: {len(own)} content types with their components, files, locales and users,"
        f" {format_count(tables)} tables; {probed}."
    )


def render_creation(report: ContentCreateReport, *, width: int = 110) -> str:
    """Return what was done to the database, or would be."""
    head = {
        "created": f"Created {format_count(report.tables)} tables for {len(report.types)} content types",
        "migrated": f"Brought {len(report.types)} content types forward to version {report.version}",
        "adopted": f"All {format_count(report.tables)} tables are there and as Strapi makes them; taken over",
        "unchanged": "Nothing to do: the tables are those of the content types",
        "planned": f"Would run {format_amount(len(report.steps), 'statement')}; nothing was changed",
    }[report.status]
    where = f"{report.target}, schema {report.schema}, version {report.version}"
    lines = wrap(f"{head} ({where}).", width=width)
    if report.status in ("migrated", "planned"):
        for step in report.steps:
            mark = "  ! " if step.destructive else "  - "
            lines += wrap(step.description, width=width, first=mark, indent="    ")
    else:
        lines += [f"  {uid}" for uid in report.types]
    for kept in report.kept:
        lines += wrap(
            f"kept: {kept}; no schema file asks for it any more, --allow-destructive drops it",
            width=width,
            first="  ",
            indent="    ",
        )
    return "\n".join(lines)


def render_list(report: ContentListReport, *, width: int = 110) -> str:
    """Return every type with its attributes and where each is kept."""
    lines = [f"Content types of {report.content}" + (f" in {report.target}" if report.target else "")]
    for listing in _in_order(report.types):
        lines += ["", f"{listing.uid}{_describe_options(listing)}"]
        rows = "" if listing.rows is None else format_count(listing.rows)
        lines += lay_out_facts([("tables", ", ".join(listing.tables)), ("rows", rows)], width=width)
        lines += lay_out_table(
            ("attribute", "type", "kept in"),
            [(item.name, item.type, item.kept_in) for item in listing.attributes],
            right=frozenset(),
            width=width,
        )
    return "\n".join(lines)


def _in_order(listings: Iterable[TypeListing]) -> Sequence[TypeListing]:
    order = list(_TITLES)
    return sorted(listings, key=lambda listing: order.index(listing.origin))


def _describe_options(listing: TypeListing) -> str:
    words = [
        {"component": "component", "built-in": "built in"}.get(listing.origin, ""),
        "single type" if listing.kind == "singleType" else "",
        "draft and publish" if listing.draft_and_publish else "",
        "localized" if listing.localized else "",
    ]
    said = ", ".join(word for word in words if word)
    return f" ({said})" if said else ""


def render_token(report: ContentTokenReport) -> str:
    """Return a new API token, and that it is not shown again."""
    facts = [
        ("token", report.name),
        ("type", report.type),
        *(("may", action) for action in report.actions),
        ("target", report.target),
    ]
    lines = lay_out_facts(facts, width=120)
    return "\n".join([*lines, "", report.token, "", "It is not shown again: only its hash is stored."])
