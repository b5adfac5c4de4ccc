"""
Views as steps, each after the views it reads.

Pure. A view is created with the column names that SQLite shows. One that
cannot be translated with certainty becomes a finding with its SQL; one that the
server does not take becomes a finding of the run: nothing else depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from howdah.errors import RefusedError
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.plan import Comparison, Phase, PlanOptions, Step, StepKind
from howdah.model.source import SourceCatalog, View, fold_name
from howdah.names import assign_names, qualified, quote
from howdah.planning.answers import compare_view
from howdah.planning.design import Names, TableDesign
from howdah.planning.order import order_by_needs
from howdah.planning.relations import Relation, relation_of_table
from howdah.planning.select import Selects, names_read_by
from howdah.planning.sql_values import Untranslatable

#: SQLite's words for what only the application's own SQLite has, and for what a file's schema may not use.
_APPLICATION_ALONE = re.compile(
    r"(?:no such|unknown) (?P<kind>function|module|collation sequence): (?P<name>.+?)(?:\(\))?"
    r"|unsafe use of (?P<unsafe>.+)",
    re.DOTALL,
)


def build_view_steps(
    catalog: SourceCatalog, designs: Mapping[str, TableDesign], names: Names, options: PlanOptions
) -> tuple[list[Step], list[Comparison], list[Finding]]:
    """Return a step and a comparison for each view that can be translated, and findings for the others."""
    relations: dict[str, Relation] = {
        fold_name(name): relation_of_table(design) for name, design in designs.items()
    }
    views = {fold_name(view.name): view for view in catalog.views}
    needs = {name: names_read_by(view.sql) for name, view in views.items()}
    steps: list[Step] = []
    comparisons: list[Comparison] = []
    findings: list[Finding] = []
    ordered = order_by_needs(views, needs)
    for name in ordered:
        view = views[name]
        label = f'view "{view.name}"'
        if view.error:
            code, message = _explain(view)
            findings.append(make_finding(code, label, message, detail=view.sql))
            continue
        try:
            step, comparison, relation = _build_step(view, relations, names, options)
        except RefusedError as refusal:
            # SQLite lets a column have the empty name; a view would have to give it that name again.
            findings.append(
                make_finding("F-104", label, f"it is not carried: {refusal.message}", detail=view.sql)
            )
            continue
        except Untranslatable as reason:
            findings.append(make_finding("F-104", label, f"it is not carried: {reason}", detail=view.sql))
            continue
        steps.append(step)
        comparisons.append(comparison)
        relations[name] = relation
    readers = _readers({name: needs[name] for name in ordered if name in relations})
    comparisons = [
        replace(
            comparison,
            dependants=tuple(
                f"view:{views[reader].name}"
                for reader in sorted(readers.get(fold_name(comparison.step_id.removeprefix("view:")), ()))
            ),
        )
        for comparison in comparisons
    ]
    return steps, comparisons, findings


def _explain(view: View) -> tuple[str, str]:
    """Return the code of the finding for a view that SQLite does not run here, and its message."""
    found = _APPLICATION_ALONE.fullmatch(view.error)
    if found is not None:
        what = found["unsafe"] or f'the {found["kind"]} "{found["name"]}", which is the application\'s'
        return "F-104", f"it is not carried: {what}"
    called = re.fullmatch(r"no such table: (?:main\.)?(\w+)", view.error)
    if called is not None and re.search(rf"\b{called[1]}\W?\s*\(", view.sql, re.IGNORECASE):
        return "F-104", f'it is not carried: the table function "{called[1]}", which is the application\'s'
    return "F-105", view.error


def _readers(needs: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return, for each view, those that read it, directly or through others; `needs` in order of need."""
    readers: dict[str, set[str]] = {}
    # A view is given after those it reads, so its own readers are known when its turn comes.
    for name in reversed(list(needs)):
        for other in needs[name] & needs.keys() - {name}:
            readers.setdefault(other, set()).update({name}, readers.get(name, ()))
    return readers


def _build_step(
    view: View, relations: Mapping[str, Relation], names: Names, options: PlanOptions
) -> tuple[Step, Comparison, Relation]:
    target_name = names.views[view.name]
    target = qualified(options.schema, target_name)
    translated = Selects(relations=relations).translate_view(view.sql)
    if len(translated.columns) != len(view.columns):
        raise Untranslatable("columns that could not all be followed")
    if len(set(view.columns)) != len(view.columns) or not all(view.columns):
        raise Untranslatable("columns without names of their own")
    assigned = assign_names(names.shape(column) for column in view.columns)
    target_columns = [assigned[names.shape(column)] for column in view.columns]
    columns = ", ".join(quote(column) for column in target_columns)
    step = Step(
        id=f"view:{view.name}",
        phase=Phase.POST_DATA,
        kind=StepKind.VIEW,
        object=target_name,
        sql=f"CREATE VIEW {target} ({columns}) AS {translated.sql}",
        optional=True,
    )
    comparison = compare_view(view.name, view.sql, view.columns, step, target, translated.columns)
    return step, comparison, Relation.of_values(target, view.columns, translated.columns, target_columns)
