"""
How long a run will take and how much disk it needs, from the census; coarse.

Pure. The rates are those of the benchmark on two cores (docs/explanation/performance.md),
rounded down: an estimate that is too long annoys less than one that is too short.
"""

from __future__ import annotations

from collections.abc import Iterable

from howdah.model.plan import Estimate, Step, StepKind
from howdah.model.source import SourceCatalog
from howdah.planning.design import TableDesign

_START_SECONDS = 0.5
_LOAD_BYTES_PER_SECOND = 40e6
_VERIFY_BYTES_PER_SECOND = 60e6
_ROW_SECONDS = 1.5e-6
#: Building one index or key costs about this share of loading the table.
_INDEX_SHARE = 0.12

#: Bytes of a row beside its values: header, line pointer, padding.
_ROW_BYTES = 36
#: An index entry beside its key, and the share of pages that stays empty.
_INDEX_ROW_BYTES = 24


def estimate_run(catalog: SourceCatalog, designs: Iterable[TableDesign], steps: Iterable[Step]) -> Estimate:
    """Return seconds and bytes that the run will take."""
    tables = {design.name: design for design in designs}
    rows = sum(design.plan.rows for design in tables.values())
    size = sum(design.plan.bytes for design in tables.values())
    seconds = _START_SECONDS + size / _LOAD_BYTES_PER_SECOND + size / _VERIFY_BYTES_PER_SECOND
    seconds += 2 * rows * _ROW_SECONDS
    target = size + rows * _ROW_BYTES
    for step in steps:
        if step.kind in (StepKind.PRIMARY_KEY, StepKind.UNIQUE, StepKind.INDEX):
            plan = tables[step.table].plan
            seconds += _INDEX_SHARE * (plan.bytes / _LOAD_BYTES_PER_SECOND + plan.rows * _ROW_SECONDS)
            target += plan.rows * _INDEX_ROW_BYTES
    return Estimate(
        seconds=round(seconds, 1),
        snapshot_bytes=catalog.page_size * catalog.page_count,
        target_bytes=target,
    )
