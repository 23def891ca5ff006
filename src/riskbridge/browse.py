"""Lists of assets and findings as a screen or a script wants them: pages, facets, groups, all of one query."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from riskbridge.errors import InputError
from riskbridge.sla import load_sla

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from riskbridge.app import App
    from riskbridge.moment import Moment
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
    as_of: str | None = None,
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
        as_of: A run's number or a time; None for now.

    Raises:
        InputError: `qql.*` with the place; `list.unknown-column`, `list.foreign-page`, `list.bad-limit`; `as-of.*`.
    """
    from riskbridge.search.listing import find_findings  # noqa: PLC0415 - loads Ibis and the grammar
    from riskbridge.search.paging import decode_place, encode_place, ordered, rows_after, sort_keys  # noqa: PLC0415

    _check_limit(limit)
    moment = _find_moment(app, as_of)
    by = tuple(sort) or WORST_FIRST[subject]
    keys = sort_keys(by, ID[subject])
    _check_columns(subject, [k.column for k in keys] + list(columns or ()))
    after = decode_place(page, query, keys) if page else None
    wanted = None if columns is None else tuple(dict.fromkeys([ID[subject], *columns, *(k.column for k in keys)]))

    def make() -> ir.Table:
        if subject == "findings":
            tables = moment.finding_tables()
            return find_findings(tables, query, moment.now, sort=by, limit=limit + 1, after=after, columns=wanted)
        matching = _matching(moment, subject, query)
        if after is not None:
            matching = matching.filter(rows_after(matching, keys, after))
        found = matching.order_by(ordered(matching, keys)).limit(limit + 1)
        return found if wanted is None else found.select(*wanted)

    rows = app.engine.remembered(("browse", subject, _key(moment, query), by, limit, page, wanted), make)
    next_page = encode_place(query, keys, rows[limit - 1]) if len(rows) > limit else None
    return Page(_count(moment, subject, query), [_plain_row(r) for r in rows[:limit]], next_page)


def count(app: App, subject: Subject, query: str = "", *, as_of: str | None = None) -> int:
    """How many assets or findings match.

    Raises:
        InputError: `qql.*`, with the place; `as-of.*`.
    """
    return _count(_find_moment(app, as_of), subject, query)


def facets(
    app: App, subject: Subject, query: str = "", *, fields: Sequence[str] = (), as_of: str | None = None
) -> dict[str, list[dict[str, Any]]]:
    """The commonest values of columns among the rows that match, with how many rows have each.

    A row with a list counts once for each of its values.

    Raises:
        InputError: `qql.*`, with the place; `list.unknown-column`; `as-of.*`.
    """
    import ibis  # noqa: PLC0415

    named = tuple(fields) or FACETS[subject]
    _check_columns(subject, named)
    moment = _find_moment(app, as_of)

    def top(name: str) -> ir.Table:
        rows = _matching(moment, subject, query, {name})
        values = rows.select(value=rows[name].unnest() if rows[name].type().is_array() else rows[name])
        counted = values.filter(values.value.notnull()).group_by("value").agg(count=ibis._.count())
        return counted.order_by([counted["count"].desc(), counted.value.asc()]).limit(TOP_VALUES)

    found = {}
    for name in named:
        rows = app.engine.remembered(("facet", subject, _key(moment, query), name), partial(top, name))
        found[name] = [_plain_row(r) for r in rows]
    return found


def group_findings(
    app: App, by: GroupBy, query: str = "", *, limit: int = 50, as_of: str | None = None
) -> list[dict[str, Any]]:
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
    names, moment = GROUPS[by], _find_moment(app, as_of)

    def make() -> ir.Table:
        rows = _matching(moment, "findings", query, {*names, "asset_id", "cve_id", "qds", "is_kev"})
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

    return [_plain_row(r) for r in app.engine.remembered(("group", by, _key(moment, query), limit), make)]


def summarise(app: App, *, as_of: str | None = None) -> dict[str, Any]:
    """The estate in a few numbers: assets, open findings by band and in CISA KEV, mean and highest TruRisk, assets by band."""
    from riskbridge.score.bands import QDS_BANDS, TRURISK_BANDS  # noqa: PLC0415 - loads Ibis

    moment = _find_moment(app, as_of)

    def of_assets() -> ir.Table:
        assets = _view(moment, "assets", None)
        bands = {f"band_{b.name}": assets.trurisk.between(b.lowest, b.highest).sum() for b in TRURISK_BANDS}
        return assets.agg(assets=assets.count(), trurisk=assets.trurisk.mean(), worst=assets.trurisk.max(), **bands)

    def of_findings() -> ir.Table:
        findings = _view(moment, "findings", {"qds", "state", "is_kev"}).filter(lambda t: t.state == "open")
        bands = {b.name: findings.qds.between(b.lowest, b.highest).sum() for b in QDS_BANDS}
        return findings.agg(findings=findings.count(), kev=findings.is_kev.sum(), **bands)

    (estate,) = app.engine.remembered(("summary of assets", _key(moment, "")), of_assets)
    (bands,) = app.engine.remembered(("summary of findings", _key(moment, "")), of_findings)
    return {
        "assets": estate["assets"],
        "trurisk": round(estate["trurisk"] or 0),
        "worst": round(estate["worst"] or 0),
        "assets_by_band": {b.name: int(estate[f"band_{b.name}"] or 0) for b in TRURISK_BANDS},
        "open_findings": bands["findings"],
        "open_kev_findings": int(bands["kev"] or 0),
        "findings_by_band": {b.name: int(bands[b.name] or 0) for b in QDS_BANDS},
    }


def _find_moment(app: App, as_of: str | None) -> Moment:
    from riskbridge.moment import find_moment  # noqa: PLC0415 - loads Ibis

    return find_moment(app.warehouse, app.now(), load_sla(app.store), as_of)


def _count(moment: Moment, subject: Subject, query: str) -> int:
    (row,) = moment.warehouse.engine.remembered(
        ("count", subject, _key(moment, query)),
        lambda: _matching(moment, subject, query, {ID[subject]}).count().name("count").as_table(),
    )
    return int(row["count"])


def _matching(moment: Moment, subject: Subject, query: str, columns: Collection[str] | None = None) -> ir.Table:
    from riskbridge.search.compile import compile_query, referenced_columns  # noqa: PLC0415 - loads Ibis and the grammar

    asked = referenced_columns(query, subject)
    view = _view(moment, subject, None if columns is None else {*columns, *asked})
    return view.filter(compile_query(query, view, subject, moment.now)) if query.strip() else view


def _view(moment: Moment, subject: Subject, columns: Collection[str] | None) -> ir.Table:
    return moment.finding_tables().view(columns) if subject == "findings" else moment.asset_view()


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MOST_ROWS:
        raise InputError(
            f"A page of {limit:,} rows is not possible.",
            code="list.bad-limit",
            remedy=f"Ask for 1 to {MOST_ROWS:,}, and go on with `page`.",
        )


def _key(moment: Moment, query: str) -> tuple[object, ...]:
    """What a query means hangs on the time: to the minute where it asks for it, else to the hour, by due dates."""
    is_timed = any(word in query.lower() for word in ("now", "age", "sla", "due"))
    return query, moment.run, moment.sla, f"{moment.now:%Y-%m-%dT%H:%M}" if is_timed else f"{moment.now:%Y-%m-%dT%H}"


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
