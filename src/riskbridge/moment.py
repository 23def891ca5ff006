"""What is stored, as it stands or as it stood after a run: the tables and views that lists are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.types as ir

from riskbridge.model.judgement import DECISION
from riskbridge.model.schema import Table
from riskbridge.model.target import ASSET, CVE, CVE_PAST, CVE_SCORE, CVE_SCORE_PAST, FINDING, RUN
from riskbridge.search.clocks import Sla
from riskbridge.search.listing import FindingTables
from riskbridge.search.views import asset_view
from riskbridge.store.warehouse.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Moment:
    """The warehouse at a moment.

    Attributes:
        warehouse: What is stored.
        now: What `now` stands for in queries and due dates, UTC.
        sla: Days by severity; None for the built-in ones. Those of today hold for the past too.
        run: The run after which; None: the newest.
    """

    warehouse: Warehouse
    now: datetime
    sla: Sla | None = None
    run: int | None = None

    def finding_tables(self) -> FindingTables:
        """Where findings are looked up."""
        runs = self.warehouse.table(RUN)
        return FindingTables(
            finding=self.versions(FINDING),
            asset=self.versions(ASSET),
            cve=self._facts(CVE, CVE_PAST),
            cve_score=self._facts(CVE_SCORE, CVE_SCORE_PAST),
            run=runs if self.run is None else runs.filter(runs.run <= self.run),
            decision=_current(self.versions(DECISION)),
            now=self.now,
            sla=self.sla,
        )

    def asset_view(self) -> ir.Table:
        """Assets with their open findings; see `search.views.asset_view`."""
        return asset_view(self.versions(ASSET), self.versions(FINDING))

    def versions(self, table: Table) -> ir.Table:
        """A versioned table in which the rows that were current then are current."""
        rows = self.warehouse.table(table)
        if self.run is None:
            return rows
        was_there = (rows.valid_from_run <= self.run) & (rows.valid_to_run.isnull() | (rows.valid_to_run > self.run))
        return rows.filter(was_there).mutate(valid_to_run=ibis.null("int64"))

    def _facts(self, table: Table, past: Table) -> ir.Table:
        """Facts of CVEs as they were: the first replaced version that outlived the run, else what is known now."""
        now = self.warehouse.table(table)
        if self.run is None:
            return now
        rows, key = self.warehouse.table(past), table.key[0]
        later = rows.filter(rows.valid_to_run > self.run)
        ranked = later.mutate(place=ibis.row_number().over(group_by=key, order_by="valid_to_run"))
        then = ranked.filter(ranked.place == 0).select(*table.names)
        return now.anti_join(then, key).select(*table.names).union(then)


def _current(rows: ir.Table) -> ir.Table:
    return rows.filter(rows.valid_to_run.isnull()).drop("valid_from_run", "valid_to_run")
