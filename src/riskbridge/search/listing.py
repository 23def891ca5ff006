"""Lists and counts of what a query describes: the rows that show are looked up last, so that wide lists stay cheap."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.errors import InputError
from riskbridge.model.layout import KIND
from riskbridge.model.target import FINDING
from riskbridge.search.clocks import Sla
from riskbridge.search.compile import ElementRows, FindElement, ReadQuery, read_query
from riskbridge.search.derived import of_connector, product_of
from riskbridge.search.fault import find_nearest
from riskbridge.search.paging import SortKey, ordered, rows_after, sort_keys
from riskbridge.search.tokens import Element, Subject
from riskbridge.search.views import ASSET_VIEW, FINDING_VIEW, OF_KIND, OF_ROWS, asset_view, finding_view

_SOURCE_COLUMNS = ("vendor_name", "vendor_product_name")
WORST_FIRST = ("-qds", "finding_id")
"""The order of findings nobody sorted."""


@dataclass(frozen=True, slots=True)
class FindingTables:
    """The warehouse tables that findings are looked up in, all versions: FINDING, ASSET, CVE, CVE_SCORE, RUN.

    `decision` holds the current rows of DECISION; `now` and `sla` are what due dates are held against. `detection`,
    `detail` and `software` are DETECTION, DETECTION_DETAIL and SOFTWARE; what is None cannot be asked about. `sources` is
    the connector id to the name of its inventory source. `counted` is what open findings of assets are counted in, where
    `finding` has only some. `kinds` is what findings have in common, by the `kind_id` that `finding` has then, and `rows` what
    is stored of each finding besides: enough for many questions.
    """

    finding: ir.Table
    asset: ir.Table
    cve: ir.Table
    cve_score: ir.Table
    run: ir.Table
    decision: ir.Table | None = None
    now: datetime | ir.TimestampValue | None = None
    sla: Sla | None = None
    detection: ir.Table | None = None
    detail: ir.Table | None = None
    software: ir.Table | None = None
    sources: Mapping[str, str] | None = None
    counted: ir.Table | None = None
    kinds: ir.Table | None = None
    rows: ir.Table | None = None

    def view(self, columns: Collection[str] | None = None) -> ir.Table:
        """The current findings with those columns; see `finding_view`."""
        is_narrow = self.rows is not None and columns is not None and {*columns} <= OF_ROWS
        return finding_view(
            self.rows if self.rows is not None and is_narrow else self.finding,
            self.asset,
            self.cve,
            self.cve_score,
            self.run,
            columns=columns,
            decision=self.decision,
            now=self.now,
            sla=self.sla,
            sources=self.sources,
            counted=self.counted,
        )

    def view_of_kinds(self, columns: Collection[str]) -> ir.Table:
        """What all findings of a kind agree in, of the columns `OF_KIND`, with `kind_id`: a row a kind."""
        if self.kinds is None:
            raise RuntimeError("kinds are looked at where they are at hand")
        absent = {c.name: ibis.null(c.type) for c in FINDING if c.name not in self.kinds.columns}
        return replace(self, finding=self.kinds.mutate(**absent), rows=None).view({*columns, KIND})

    def asset_view(self, columns: Collection[str] | None = None) -> ir.Table:
        """The current assets with those columns; see `riskbridge.search.views.asset_view`."""
        has_counts = columns is None or "open_findings" in columns
        counted = self.finding if self.rows is None else self.rows
        view = asset_view(self.asset, counted if has_counts else None)
        return view if columns is None else view.select(*(n for n in view.columns if n in columns))

    def only(self, subject: Subject, ids: ir.Table) -> FindingTables:
        """The same, of some findings or assets: `ids` has their `finding_id` or `asset_id`."""
        if subject == "findings":
            every = self.finding if self.counted is None else self.counted
            return replace(self, finding=self.finding.semi_join(ids, "finding_id"), counted=every, rows=None)
        finding, asset = self.finding.semi_join(ids, "asset_id"), self.asset.semi_join(ids, "asset_id")
        return replace(self, finding=finding, asset=asset, rows=None)

    def ids(self) -> ir.Table:
        """`finding_id` and `asset_id` of the current findings, in no order."""
        return current_rows(self.finding).select("finding_id", "asset_id")

    def of_one(self, finding_id: str | ir.StringValue, asset_id: str | ir.StringValue) -> FindingTables:
        """The same, of one finding and its asset."""
        every, asset = self.finding if self.counted is None else self.counted, self.asset
        return replace(
            self,
            finding=self.finding.filter((self.finding.finding_id == finding_id) & (self.finding.asset_id == asset_id)),
            asset=asset.filter(asset.asset_id == asset_id),
            counted=every.filter(every.asset_id == asset_id),
            rows=None,
        )

    def elements_of(self, subject: Subject) -> FindElement:
        """Finds the rows that a list's row may have several of."""
        key = "finding_id" if subject == "findings" else "asset_id"

        def find(kind: Element, columns: frozenset[str]) -> ElementRows | str | None:
            if kind == "finding":
                return ElementRows(self.view({*columns, "asset_id"}), "asset_id")
            if kind == "software":
                return _software(self.software, columns)
            if self.detection is None:
                return None if kind == "source" else "detections are not at hand here"
            rows = current_rows(self.detection)
            if kind == "source":
                return _sources(rows, self.sources)
            return ElementRows(_with_details(rows, self.detail, columns).select(*{*columns, key}), key)

        return find


def _software(software: ir.Table | None, columns: frozenset[str]) -> ElementRows | str:
    if software is None:
        return "no connector reads the software inventory"
    return ElementRows(current_rows(software).select(*{*columns, "asset_id"}), "asset_id")


def _sources(detections: ir.Table, sources: Mapping[str, str] | None) -> ElementRows | None:
    """None where all sources are one product, which then every finding has."""
    if len({product_of(name) for name in (sources or {}).values()}) <= 1:
        return None
    names = {n: of_connector(detections.connector_id, sources, part) for part, n in enumerate(_SOURCE_COLUMNS)}
    return ElementRows(detections.select("finding_id", **names), "finding_id")


def _with_details(detections: ir.Table, detail: ir.Table | None, columns: frozenset[str]) -> ir.Table:
    if detail is None or columns <= set(detections.columns):
        return detections
    told = current_rows(detail)
    told = told.select(of_detection="detection_id", **{n: told[n] for n in columns if n not in detections.columns})
    return detections.left_join(told, [("detection_id", "of_detection")])


def current_rows(rows: ir.Table) -> ir.Table:
    """The current versions of a table that has validity columns."""
    return rows.filter(rows.valid_to_run.isnull()) if "valid_to_run" in rows.columns else rows


def count_findings(tables: FindingTables, query: str, now: datetime) -> ir.IntegerScalar:
    """How many findings a QQL query describes.

    Raises:
        InputError: `qql.*`, with the place.
    """
    return select_findings(tables, query, now).count()


def select_findings(tables: FindingTables, query: str, now: datetime) -> ir.Table:
    """The ids of all findings a QQL query describes: `finding_id`, lazy, in no order.

    Raises:
        InputError: `qql.*`, with the place.
    """
    asked = Asked(tables, read_query(query, "findings", now))
    return asked.matching({"finding_id"}).select("finding_id")


def find_findings(
    tables: FindingTables,
    query: str,
    now: datetime,
    *,
    sort: Sequence[str] = WORST_FIRST,
    limit: int = 50,
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
        after: The sort columns' values and the id of the row that the page comes after; see `riskbridge.search.paging`.
        columns: The columns wanted; None for all of `FINDING_VIEW`.

    Returns:
        The page, lazy, in order.

    Raises:
        InputError: `qql.*`, with the place; `list.unknown-column`.
    """
    wanted = tuple(FINDING_VIEW if columns is None else columns)
    check_columns("findings", [*wanted, *(s.removeprefix("-") for s in sort)])
    keys = sort_keys(sort, "finding_id")
    return find_page(Asked(tables, read_query(query, "findings", now)), keys, wanted, limit, after)


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and where its rows are; `bind` gives the query's constants, as `ReadQuery.expression` takes it."""

    tables: FindingTables
    read: ReadQuery
    bind: Callable[[str], Any] | None = None

    def matching(self, columns: Collection[str] | None) -> ir.Table:
        """The rows that match: their id and those columns (None: all), and what the query asks for."""
        identity = "finding_id" if self.read.kind == "findings" else "asset_id"
        wanted = None if columns is None else {identity, *columns, *self.read.columns}
        view = self.tables.view(wanted) if self.read.kind == "findings" else self.tables.asset_view(wanted)
        if not self.read.leaves:
            return view
        return view.filter(self.read.expression(view, self.tables.elements_of(self.read.kind), self.bind))


def find_page(
    asked: Asked, keys: Sequence[SortKey], columns: Collection[str], limit: int, after: Sequence[Any] | None = None
) -> ir.Table:
    """A page of what a query describes: the ids first, then what is shown of them.

    Args:
        asked: The query.
        keys: The order; the last settles ties.
        columns: The columns wanted, of the list's view.
        limit: Rows.
        after: Values of the keys of the row that the page comes after, or texts to be cast; None where one is missing.

    Returns:
        The page, lazy, in order.
    """
    ids = find_ids(asked, keys, limit, after).select(keys[-1].column)
    return _shown(asked.tables.only(asked.read.kind, ids), asked.read.kind, keys, columns)


def find_ids(asked: Asked, keys: Sequence[SortKey], limit: int, after: Sequence[Any] | None = None) -> ir.Table:
    """Which rows are on a page: their id and `asset_id`, in order; see `find_page`."""
    kind = [] if asked.tables.kinds is None else [KIND]
    rows = asked.matching({k.column for k in keys} | {"asset_id", *kind})
    if after is not None:
        rows = rows.filter(rows_after(rows, keys, after))
    if after is None and asked.tables.kinds is not None and _is_of_kind(asked, keys[0]):
        rows = rows.semi_join(_best_kinds(asked, keys[0], limit), KIND)
    elif _needs_cut(asked, keys):
        rows = rows.filter(_is_within_cut(asked, rows, keys[0], limit, after))
    named = dict.fromkeys((keys[-1].column, "asset_id"))
    return rows.order_by(ordered(rows, keys)).limit(limit).select(*named)


def show_ids(
    asked: Asked, keys: Sequence[SortKey], columns: Collection[str], ids: Sequence[Any], asset_ids: Sequence[Any]
) -> ir.Table:
    """What is shown of rows whose ids are known, in order: a scan for a few values in place of a join.

    Args:
        asked: The query.
        keys: The order.
        columns: The columns wanted, of the list's view.
        ids: As `find_ids` gave them, or placeholders; one at least.
        asset_ids: The same of their assets.
    """
    tables = replace(asked.tables, rows=None)
    asset = tables.asset.filter(tables.asset.asset_id.isin(asset_ids))
    if asked.read.kind == "findings":
        every = tables.finding if tables.counted is None else tables.counted
        finding = tables.finding.filter(tables.finding.finding_id.isin(ids))
        tables = replace(tables, finding=finding, asset=asset, counted=every.filter(every.asset_id.isin(asset_ids)))
    else:
        tables = replace(tables, asset=asset, finding=tables.finding.filter(tables.finding.asset_id.isin(asset_ids)))
    return _shown(tables, asked.read.kind, keys, columns)


def _shown(tables: FindingTables, kind: Subject, keys: Sequence[SortKey], columns: Collection[str]) -> ir.Table:
    wanted = {*columns, *(k.column for k in keys)}
    view = tables.view(wanted) if kind == "findings" else tables.asset_view(wanted)
    return view.order_by(ordered(view, keys)).select(*columns)


def _is_of_kind(asked: Asked, key: SortKey) -> bool:
    """Whether all findings of a kind have one value of the key, so that few kinds can be looked at in place of them."""
    return asked.read.kind == "findings" and key.column in OF_KIND


def _best_kinds(asked: Asked, key: SortKey, limit: int) -> ir.Table:
    """The kinds that the first rows are of: the best by the key, with as many rows as are wanted, and their equals."""
    rows = asked.matching({KIND})
    counted = rows.group_by(KIND).agg(number=rows.count())
    values = asked.tables.view_of_kinds({key.column}).select(of_kind=KIND, value=key.column)
    known = counted.join(values, counted[KIND] == values.of_kind).select(KIND, "number", "value")
    order = known.value.desc(nulls_first=False) if key.is_falling else known.value.asc(nulls_first=False)
    before = known.number.sum().over(rows=(None, 0), order_by=[order, known[KIND]]) - known.number
    ranked = known.mutate(before=before)
    best = ranked.filter(ranked.before < limit).select(best="value").distinct()
    return known.semi_join(best, known.value.identical_to(best.best)).select(KIND)


_NEVER_NULL = ("qds", "severity", "first_found_at", "open_detections", "reopened_count")


def _needs_cut(asked: Asked, keys: Sequence[SortKey]) -> bool:
    """Whether the first key is a finding's own and others need a join, which then should be of few rows."""
    is_own = asked.read.kind == "findings" and keys[0].column in _NEVER_NULL
    return is_own and any(k.column not in FINDING.names for k in keys[1:])


def _is_within_cut(
    asked: Asked, rows: ir.Table, key: SortKey, limit: int, after: Sequence[Any] | None
) -> ir.BooleanValue:
    """Whether the first key alone lets a row be on the page: it is not behind that of the page's last row."""
    firsts = asked.matching({key.column})
    values = firsts[key.column]
    if after is not None:
        typed = _typed(after[0], values)
        firsts = firsts.filter(values < typed if key.is_falling else values > typed)
    order = ibis.desc(key.column) if key.is_falling else ibis.asc(key.column)
    best = firsts.order_by(order).limit(limit)
    column = best[key.column]
    cut = (column.min() if key.is_falling else column.max()).as_scalar()
    if after is not None:
        cut = cut.coalesce(_typed(after[0], values))
    within: ir.BooleanValue = rows[key.column] >= cut if key.is_falling else rows[key.column] <= cut
    return within


def _typed(value: Any, column: Any) -> Any:
    return (value if isinstance(value, ir.Value) else ibis.literal(value)).cast(column.type())


def check_columns(subject: Subject, names: Collection[str]) -> None:
    """Raise when a list has no column of a name.

    Raises:
        InputError: `list.unknown-column`, with the nearest.
    """
    known = FINDING_VIEW if subject == "findings" else (*ASSET_VIEW, "open_findings")
    for name in names:
        if name not in known:
            nearest = find_nearest(name, known)
            raise InputError(
                f"{subject.capitalize()} have no column '{name}'.",
                code="list.unknown-column",
                remedy=f"Did you mean {nearest}?" if nearest else "Leave it out.",
                nearest=nearest,
            )
