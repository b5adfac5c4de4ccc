"""Generated columns that a plan left out, in a catalog that was read again. Pure."""

from __future__ import annotations

from dataclasses import replace

from howdah.model.finding_kinds import name_column
from howdah.model.plan import Plan
from howdah.model.source import SourceCatalog


def without_left_out(catalog: SourceCatalog, plan: Plan) -> SourceCatalog:
    """
    Return the catalog of the live file without the generated columns that could not be computed (F-112).

    Whether one can be computed is found on a private copy, where every row may be tried.
    """
    left_out = {finding.object for finding in plan.findings if finding.code == "F-112"}
    if not left_out:
        return catalog
    return replace(
        catalog,
        tables=tuple(
            replace(
                table,
                columns=tuple(
                    column
                    for column in table.columns
                    if not (column.generated and name_column(table.name, column.name) in left_out)
                ),
            )
            for table in catalog.tables
        ),
    )
