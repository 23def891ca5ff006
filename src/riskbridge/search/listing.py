"""Lists and counts of what a query describes: the rows that show are looked up last, so that wide lists stay cheap."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import ibis.expr.types as ir

from riskbridge.errors import InputError
from riskbridge.search.clocks import Sla
from riskbridge.search.compile import compile_query, referenced_columns
from riskbridge.search.fault import find_nearest
from riskbridge.search.paging import ordered, rows_after, sort_keys
from riskbridge.search.views import FINDING_VIEW, finding_view

WORST_FIRST = ("-qds", "finding_id")
"""The order of findings nobody sorted."""


@dataclass(frozen=True, slots=True)
class FindingTables:
    """The warehouse tables that findings are looked up in, all versions: FINDING, ASSET, CVE, CVE_SCORE, RUN.

    `decision` holds the current rows of DECISION; `now` and `sla` are what due dates are held against.
    """

    finding: ir.Table
    asset: ir.Table
    cve: ir.Table
    cve_score: ir.Table
    run: ir.Table
    decision: ir.Table | None = None
    now: datetime | None = None
    sla: Sla | None = None

    def view(self, columns: Collection[str] | None = None) -> ir.Table:
        """The current findings with those columns; see `finding_view`."""
        return finding_view(
            self.finding,
            self.asset,
            self.cve,
            self.cve_score,
            self.run,
            columns=columns,
            decision=self.decision,
            now=self.now,
            sla=self.sla,
        )


def count_findings(tables: FindingTables, query: str, now: datetime) -> ir.IntegerScalar:
    """How many findings a QQL query describes.

    Raises:
        InputError: `qql.*`, with the place.
    """
    view = tables.view({"finding_id"} | referenced_columns(query, "findings"))
    return view.filter(compile_query(query, view, "findings", now)).count()


def select_findings(tables: FindingTables, query: str, now: datetime) -> ir.Table:
    """The ids of all findings a QQL query describes: `finding_id`, lazy, in no order.

    Raises:
        InputError: `qql.*`, with the place.
    """
    view = tables.view({"finding_id"} | referenced_columns(query, "findings"))
    return view.filter(compile_query(query, view, "findings", now)).select("finding_id")


def find_findings(
    tables: FindingTables,
    query: str,
    now: datetime,
    *,
    sort: Sequence[str] = WORST_FIRST,
    limit: int = 50,
    offset: int = 0,
    after: Sequence[Any] | None = None,
    columns: Collection[str] | None = None,
) -> ir.Table:
    """A page of the findings a QQL query describes.

    Args:
        tables: Where they are.
        query: QQL; blank for all.
        now: What `now` stands for, with a time zone.
        sort: Columns of `FINDING_VIEW`, each after a minus for falling order; missing values come last and
            `finding_id` settles ties, so that pages neither overlap nor leave out.
        limit: Rows of the page.
        offset: Rows before it.
        after: The sort columns' values and the id of the row that the page comes after; see `riskbridge.search.paging`.
        columns: The columns wanted; None for all of `FINDING_VIEW`.

    Returns:
        The page, lazy, in order.

    Raises:
        InputError: `qql.*`, with the place; `list.unknown-column`.
    """
    wanted = list(FINDING_VIEW if columns is None else columns)
    by = [s.removeprefix("-") for s in sort]
    _check_columns([*wanted, *by])
    keys = tables.view({"finding_id", *by} | referenced_columns(query, "findings"))
    keys = keys.filter(compile_query(query, keys, "findings", now))
    if after is not None:
        keys = keys.filter(rows_after(keys, sort_keys(sort, "finding_id"), after))
    keys = keys.order_by(_order(keys, sort)).limit(limit, offset=offset).select("finding_id")
    page = replace(tables, finding=tables.finding.semi_join(keys, "finding_id"))
    rows = page.view({*wanted, *by, "finding_id"})
    return rows.order_by(_order(rows, sort)).select(*wanted)


def _order(view: ir.Table, sort: Sequence[str]) -> list[Any]:
    return ordered(view, sort_keys(sort, "finding_id"))


def _check_columns(names: Sequence[str]) -> None:
    for name in names:
        if name not in FINDING_VIEW:
            nearest = find_nearest(name, FINDING_VIEW)
            raise InputError(
                f"Findings have no column '{name}'.",
                code="list.unknown-column",
                remedy=f"Did you mean {nearest}?" if nearest else "Leave it out.",
                nearest=nearest,
            )
