"""What is stored, as it stands or as it stood after a run: the tables and views that lists are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.errors import InputError
from riskbridge.model.judgement import DECISION
from riskbridge.model.schema import AT, Table
from riskbridge.model.target import (
    ASSET,
    CVE,
    CVE_PAST,
    CVE_SCORE,
    CVE_SCORE_PAST,
    DETECTION,
    DETECTION_DETAIL,
    FINDING,
    RUN,
    SOFTWARE,
)
from riskbridge.search.clocks import Sla
from riskbridge.search.listing import FindingTables
from riskbridge.store.warehouse.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Moment:
    """The warehouse at a moment.

    Attributes:
        warehouse: What is stored.
        now: What `now` stands for in queries and due dates, UTC.
        sla: Days by severity; None for the built-in ones. Those of today hold for the past too.
        run: The run after which; None: the newest.
        sources: Connector id to the name of its inventory source.
        has_software: Whether a connector reads the software inventory.
    """

    warehouse: Warehouse
    now: datetime
    sla: Sla | None = None
    run: int | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    has_software: bool = True

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
            detection=self.versions(DETECTION),
            detail=self.versions(DETECTION_DETAIL),
            software=self.versions(SOFTWARE) if self.has_software else None,
            sources=self.sources,
            kinds=self.warehouse.kinds(FINDING),
            rows=self._there(self.warehouse.rows(FINDING)),
        )

    def asset_view(self) -> ir.Table:
        """Assets with their open findings; see `search.views.asset_view`."""
        return self.finding_tables().asset_view()

    def look_up(self, finding_id: str, asset_id: str) -> dict[str, Any]:
        """One finding, with every column of its view; its statement is made once for all of them."""
        engine, minute = self.warehouse.engine, f"{self.now:%Y-%m-%dT%H:%M}:00+00:00"

        def make() -> ir.Table:
            tables = replace(self.finding_tables(), now=engine.placeholder("now").cast(AT))
            return tables.of_one(engine.placeholder("finding"), engine.placeholder("asset")).view()

        key = ("finding", self.run, self.sla, tuple(sorted(self.sources.items())), self.has_software)
        (found,) = engine.answer(key, make, {"finding": finding_id, "asset": asset_id}, later={"now": minute})
        return found

    def versions(self, table: Table) -> ir.Table:
        """A versioned table in which the rows that were current then are current; findings with `kind_id` besides."""
        return self._there(self.warehouse.with_kinds(table) if table is FINDING else self.warehouse.table(table))

    def _there(self, rows: ir.Table) -> ir.Table:
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


def find_moment(
    warehouse: Warehouse,
    now: datetime,
    sla: Sla | None,
    as_of: str | None,
    *,
    sources: Mapping[str, str] | None = None,
) -> Moment:
    """The moment that a person names: none for now, a run's number, or a time.

    A time is ISO 8601, UTC unless it says otherwise; a day alone means its end. It stands for the newest run that was
    published by then, and `now` in queries for that time; with a run's number, for the time it was published.

    Raises:
        InputError: `as-of.unknown-run`, `as-of.bad-time`, `as-of.before-first`.
    """
    has_software = bool(warehouse.engine.execute(f"SELECT 1 FROM {SOFTWARE.name} LIMIT 1").fetchone())  # noqa: S608
    present = Moment(warehouse, now, sla, None, sources or {}, has_software)
    if as_of is None:
        return present
    runs = warehouse.table(RUN)
    if as_of.isdigit():
        found = warehouse.engine.scalar(runs.filter(runs.run == int(as_of)).published_at.max())
        if not isinstance(found, datetime):
            raise InputError(
                f"No run {as_of} is published.",
                code="as-of.unknown-run",
                remedy="List the numbers with: riskbridge runs",
            )
        return replace(present, now=found, run=int(as_of))
    at = _time(as_of)
    published = warehouse.engine.scalar(runs.filter(runs.published_at <= ibis.literal(at, AT)).run.max())
    if published is None:
        raise InputError(
            f"Nothing was published by {at:%Y-%m-%d %H:%M:%S} UTC.",
            code="as-of.before-first",
            remedy="Name a later time, or a run of: riskbridge runs",
        )
    return replace(present, now=at, run=int(published))


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"'{text}' is neither a run's number nor a time.",
            code="as-of.bad-time",
            remedy="Write a time as 2027-01-31 or 2027-01-31T18:00:00Z.",
        ) from None
    if len(text) == len("2027-01-31"):
        at += timedelta(days=1, microseconds=-1)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _current(rows: ir.Table) -> ir.Table:
    return rows.filter(rows.valid_to_run.isnull()).drop("valid_from_run", "valid_to_run")
