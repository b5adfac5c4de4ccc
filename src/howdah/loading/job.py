"""What every step of a run needs to know; small enough to be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass

from howdah.model.census import Census
from howdah.model.plan import Plan, TablePlan
from howdah.model.source import SourceCatalog, Table
from howdah.state.quarantine import Quarantine
from howdah.state.store import StateSchema


@dataclass(frozen=True, kw_only=True)
class LoadJob:
    #: Secret-bearing libpq connection string of the target.
    conninfo: str
    state: StateSchema
    run_id: str
    plan: Plan
    catalog: SourceCatalog
    census: Census
    snapshot_path: str

    @property
    def quarantine(self) -> Quarantine:
        """Where this run sets rows aside."""
        return Quarantine(state=self.state, run_id=self.run_id)

    def source_table(self, plan: TablePlan) -> Table:
        """Return the source facts of a planned table."""
        return self.catalog.table(plan.name)
