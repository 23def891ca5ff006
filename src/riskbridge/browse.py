"""Lists of assets and findings as a screen or a script wants them: pages, facets, groups, all of one query."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from riskbridge.errors import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from riskbridge.app import App
    from riskbridge.search.tokens import Subject

ID = {"assets": "asset_id", "findings": "finding_id"}
WORST_FIRST = {"assets": ("-trurisk",), "findings": ("-qds", "-trurisk")}
MOST_ROWS = 1_000
"""Rows of a page."""
FACETS: dict[str, tuple[str, ...]] = {
    "assets": ("operating_system_name", "tags", "device_group", "exposure_level", "health_status", "sources"),
    "findings": ("status", "severity", "is_kev", "exploit_maturity", "product_name", "connector_name"),
}
"""Columns whose values a list is narrowed by, in the order in which they are offered."""
TOP_VALUES = 12

GroupBy = Literal["cve", "product", "fix", "asset", "status"]
GROUPS: dict[GroupBy, tuple[str, ...]] = {
    "cve": ("cve_id",),
    "product": ("product_vendor", "product_name"),
    "fix": ("fixing_kb",),
    "asset": ("asset_id", "asset_name"),
    "status": ("status",),
}


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a list in order, how many match in all, and what to ask for next (None on the last page)."""

    count: int
    rows: list[dict[str, Any]]
    next_page: str | None


def browse(
    app: App,
    subject: Subject,
    query: str = "",
    *,
    sort: Sequence[str] = (),
    limit: int = 50,
    page: str | None = None,
    columns: Collection[str] | None = None,
) -> Page:
    """A page of the assets or findings that a QQL query describes.

    Args:
        app: Whose rows.
        subject: Which list.
        query: QQL; blank for all.
        sort: Columns, each after a minus for falling order; empty for the worst first.
        limit: Rows, 1 to `MOST_ROWS`.
        page: What the page before gave as `next_page`.
        columns: The columns wanted; None for all.

    Raises:
        InputError: `qql.*` with the place; `list.unknown-column`, `list.foreign-page`, `list.bad-limit`.
    """
    from riskbridge.search.listing import find_findings  # noqa: PLC0415 - loads Ibis and the grammar
    from riskbridge.search.paging import decode_place, encode_place, ordered, rows_after, sort_keys  # noqa: PLC0415

    _check_limit(limit)
    by = tuple(sort) or WORST_FIRST[subject]
    keys = sort_keys(by, ID[subject])
    _check_columns(subject, [k.column for k in keys] + list(columns or ()))
    after = decode_place(page, query, keys) if page else None
    wanted = None if columns is None else tuple(dict.fromkeys([ID[subject], *columns, *(k.column for k in keys)]))

    def make() -> ir.Table:
        if subject == "findings":
            tables = _finding_tables(app)
            return find_findings(tables, query, app.now(), sort=by, limit=limit + 1, after=after, columns=wanted)
        matching = _matching(app, subject, query)
        if after is not None:
            matching = matching.filter(rows_after(matching, keys, after))
        found = matching.order_by(ordered(matching, keys)).limit(limit + 1)
        return found if wanted is None else found.select(*wanted)

    rows = app.engine.remembered(("browse", subject, *_moment(app, query), by, limit, page, wanted), make)
    next_page = encode_place(query, keys, rows[limit - 1]) if len(rows) > limit else None
    return Page(count(app, subject, query), [_plain_row(r) for r in rows[:limit]], next_page)


def count(app: App, subject: Subject, query: str = "") -> int:
    """How many assets or findings match.

    Raises:
        InputError: `qql.*`, with the place.
    """
    (row,) = app.engine.remembered(
        ("count", subject, *_moment(app, query)),
        lambda: _matching(app, subject, query, {ID[subject]}).count().name("count").as_table(),
    )
    return int(row["count"])


def facets(
    app: App, subject: Subject, query: str = "", *, fields: Sequence[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """The commonest values of columns among the rows that match, with how many rows have each.

    A row with a list counts once for each of its values.

    Raises:
        InputError: `qql.*`, with the place; `list.unknown-column`.
    """
    import ibis  # noqa: PLC0415

    named = tuple(fields) or FACETS[subject]
    _check_columns(subject, named)

    def top(name: str) -> ir.Table:
        rows = _matching(app, subject, query, {name})
        values = rows.select(value=rows[name].unnest() if rows[name].type().is_array() else rows[name])
        counted = values.filter(values.value.notnull()).group_by("value").agg(count=ibis._.count())
        return counted.order_by([counted["count"].desc(), counted.value.asc()]).limit(TOP_VALUES)

    found = {}
    for name in named:
        rows = app.engine.remembered(("facet", subject, *_moment(app, query), name), partial(top, name))
        found[name] = [_plain_row(r) for r in rows]
    return found


def group_findings(app: App, by: GroupBy, query: str = "", *, limit: int = 50) -> list[dict[str, Any]]:
    """Findings that match, put together: how many, on how many assets, of how many CVEs, and the highest QDS; worst first.

    Raises:
        InputError: `qql.*`, with the place; `list.unknown-group`, `list.bad-limit`.
    """
    import ibis  # noqa: PLC0415

    _check_limit(limit)
    if by not in GROUPS:
        raise InputError(
            f"Findings cannot be grouped by '{by}'.",
            code="list.unknown-group",
            remedy=f"Choose one of: {', '.join(GROUPS)}.",
        )
    names = GROUPS[by]

    def make() -> ir.Table:
        rows = _matching(app, "findings", query, {*names, "asset_id", "cve_id", "qds", "is_kev"})
        counted = (
            rows.filter(rows[names[0]].notnull())
            .group_by(list(names))
            .agg(
                findings=ibis._.count(),
                assets=ibis._.asset_id.nunique(),
                cves=ibis._.cve_id.nunique(),
                max_qds=ibis._.qds.max(),
                kev=ibis._.is_kev.fill_null(ibis.literal(value=False)).sum(),
            )
        )
        order = [counted.max_qds.desc(), counted.findings.desc(), *(counted[n].asc() for n in names)]
        return counted.order_by(order).limit(limit)

    return [_plain_row(r) for r in app.engine.remembered(("group", by, *_moment(app, query), limit), make)]


def summarise(app: App) -> dict[str, Any]:
    """The estate in a few numbers: assets, open findings by band and in CISA KEV, mean and highest TruRisk, assets by band."""
    from riskbridge.score.bands import QDS_BANDS, TRURISK_BANDS  # noqa: PLC0415 - loads Ibis

    def of_assets() -> ir.Table:
        assets = _view(app, "assets", None)
        bands = {f"band_{b.name}": assets.trurisk.between(b.lowest, b.highest).sum() for b in TRURISK_BANDS}
        return assets.agg(assets=assets.count(), trurisk=assets.trurisk.mean(), worst=assets.trurisk.max(), **bands)

    def of_findings() -> ir.Table:
        findings = _view(app, "findings", {"qds", "state", "is_kev"}).filter(lambda t: t.state == "open")
        bands = {b.name: findings.qds.between(b.lowest, b.highest).sum() for b in QDS_BANDS}
        return findings.agg(findings=findings.count(), kev=findings.is_kev.sum(), **bands)

    (estate,) = app.engine.remembered("summary of assets", of_assets)
    (bands,) = app.engine.remembered("summary of findings", of_findings)
    return {
        "assets": estate["assets"],
        "trurisk": round(estate["trurisk"] or 0),
        "worst": round(estate["worst"] or 0),
        "assets_by_band": {b.name: int(estate[f"band_{b.name}"] or 0) for b in TRURISK_BANDS},
        "open_findings": bands["findings"],
        "open_kev_findings": int(bands["kev"] or 0),
        "findings_by_band": {b.name: int(bands[b.name] or 0) for b in QDS_BANDS},
    }


def _matching(app: App, subject: Subject, query: str, columns: Collection[str] | None = None) -> ir.Table:
    from riskbridge.search.compile import compile_query, referenced_columns  # noqa: PLC0415 - loads Ibis and the grammar

    asked = referenced_columns(query, subject)
    view = _view(app, subject, None if columns is None else {*columns, *asked})
    return view.filter(compile_query(query, view, subject, app.now())) if query.strip() else view


def _view(app: App, subject: Subject, columns: Collection[str] | None) -> ir.Table:
    from riskbridge.model.target import ASSET, FINDING  # noqa: PLC0415
    from riskbridge.search.views import asset_view  # noqa: PLC0415 - loads Ibis

    if subject == "findings":
        return _finding_tables(app).view(columns)
    return asset_view(app.warehouse.table(ASSET), app.warehouse.table(FINDING))


def _finding_tables(app: App) -> Any:
    from riskbridge.model.target import ASSET, CVE, CVE_SCORE, FINDING, RUN  # noqa: PLC0415
    from riskbridge.search.listing import FindingTables  # noqa: PLC0415 - loads Ibis

    return FindingTables(*(app.warehouse.table(t) for t in (FINDING, ASSET, CVE, CVE_SCORE, RUN)))


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MOST_ROWS:
        raise InputError(
            f"A page of {limit:,} rows is not possible.",
            code="list.bad-limit",
            remedy=f"Ask for 1 to {MOST_ROWS:,}, and go on with `page`.",
        )


def _moment(app: App, query: str) -> tuple[str, str]:
    """What a query means may hang on the time, to the minute."""
    return query, f"{app.now():%Y-%m-%dT%H:%M}" if "now" in query.lower() or "age" in query.lower() else ""


def _check_columns(subject: Subject, names: Collection[str]) -> None:
    from riskbridge.search.fault import find_nearest  # noqa: PLC0415
    from riskbridge.search.views import ASSET_VIEW, FINDING_VIEW  # noqa: PLC0415 - loads Ibis

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


def _plain_row(row: dict[str, Any]) -> dict[str, Any]:
    return {k: _plain(v) for k, v in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
