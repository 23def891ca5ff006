"""Lists of assets and findings as a screen or a script wants them: pages, facets, groups, all of one query."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from riskbridge.errors import InputError
from riskbridge.question import Question, ask

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from riskbridge.app import App
    from riskbridge.search.paging import SortKey
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

GroupBy = Literal["cve", "product", "fix", "asset", "tag", "owner", "status", "severity"]
GROUPS: dict[GroupBy, tuple[str, ...]] = {
    "cve": ("cve_id",),
    "product": ("product_vendor", "product_name"),
    "fix": ("fixing_kb",),
    "asset": ("asset_id", "asset_name"),
    "tag": ("tags",),
    "owner": ("owner",),
    "status": ("status",),
    "severity": ("severity",),
}
AssetGroupBy = Literal["tag", "group", "system", "criticality", "band", "source"]
ASSET_GROUPS: dict[AssetGroupBy, str] = {
    "tag": "tags",
    "group": "device_group",
    "system": "operating_system_name",
    "criticality": "acs",
    "band": "trurisk_band",
    "source": "sources",
}
_SIZES = (11, 51, 101, 501, MOST_ROWS + 1)
"""Rows that statements for pages are made for."""


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
    from riskbridge.search.listing import check_columns, find_ids  # noqa: PLC0415 - loads Ibis and the grammar
    from riskbridge.search.paging import decode_place, encode_place, sort_keys  # noqa: PLC0415
    from riskbridge.search.views import ASSET_VIEW, FINDING_VIEW  # noqa: PLC0415

    _check_limit(limit)
    question = ask(app, subject, query, as_of)
    keys = sort_keys(tuple(sort) or WORST_FIRST[subject], ID[subject])
    every = FINDING_VIEW if subject == "findings" else (*ASSET_VIEW, "open_findings")
    check_columns(subject, [k.column for k in keys] + list(columns or ()))
    shown = (ID[subject], *(every if columns is None else columns), *(k.column for k in keys))
    wanted = tuple(dict.fromkeys(shown))
    place = decode_place(page, query, keys) if page else None
    known = {f"after.{n}": _as_text(v) for n, v in enumerate(place or ()) if v is not None}
    after = None if place is None else [_or_none(question, n, v) for n, v in enumerate(place)]

    def make_ids() -> ir.Table:
        return find_ids(question.asked, keys, limit + 1, after)

    shape = ("ids", keys, limit, None if after is None else tuple(v is None for v in after))
    found = question.answer(shape, make_ids, [k.column for k in keys], known)
    rows = _shown(question, keys, wanted, found) if found else []
    next_page = encode_place(query, keys, rows[limit - 1]) if len(rows) > limit else None
    return Page(_count(question), rows[:limit], next_page)


def _shown(
    question: Question, keys: Sequence[SortKey], columns: tuple[str, ...], found: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The rows of ids; the statement is that of every page with these columns, whatever the query."""
    from riskbridge.search.listing import show_ids  # noqa: PLC0415

    identity, plain = ID[question.subject], question.without_query()
    ids = [str(row[identity]) for row in found]
    asset_ids = list(dict.fromkeys(str(row["asset_id"]) for row in found))
    # As many places whatever the number: the last value again, so that pages are of few shapes.
    size = next(n for n in (*_SIZES, len(ids)) if n >= len(ids))
    ids, asset_ids = (values + values[-1:] * (size - len(values)) for values in (ids, asset_ids))
    places = {f"id.{n}": v for n, v in enumerate(ids)} | {f"asset.{n}": v for n, v in enumerate(asset_ids)}

    def make() -> ir.Table:
        named = [[plain.placeholder(f"{noun}.{n}") for n in range(size)] for noun in ("id", "asset")]
        return show_ids(plain.asked, keys, columns, *named)

    return plain.answer(("shown", keys, columns, size), make, columns, places)


def count(app: App, subject: Subject, query: str = "", *, as_of: str | None = None) -> int:
    """How many assets or findings match.

    Raises:
        InputError: `qql.*`, with the place; `as-of.*`.
    """
    return _count(ask(app, subject, query, as_of))


def facets(
    app: App,
    subject: Subject,
    query: str = "",
    *,
    fields: Sequence[str] = (),
    as_of: str | None = None,
    limit: int = TOP_VALUES,
) -> dict[str, list[dict[str, Any]]]:
    """The commonest values of columns among the rows that match, with how many rows have each.

    A row with a list counts once for each of its values.

    Raises:
        InputError: `qql.*`, with the place; `list.unknown-column`, `list.bad-limit`; `as-of.*`.
    """
    from riskbridge.search.listing import check_columns  # noqa: PLC0415 - loads Ibis

    _check_limit(limit)
    named = tuple(fields) or FACETS[subject]
    check_columns(subject, named)
    question = ask(app, subject, query, as_of)
    return {
        name: question.answer(("facet", name, limit), partial(_top, question, name, limit), (name,)) for name in named
    }


def _top(question: Question, name: str, limit: int) -> ir.Table:
    import ibis  # noqa: PLC0415

    rows = question.asked.matching({name})
    values = rows.select(value=rows[name].unnest() if rows[name].type().is_array() else rows[name])
    counted = values.filter(values.value.notnull()).group_by("value").agg(count=ibis._.count())
    return counted.order_by([counted["count"].desc(), counted.value.asc()]).limit(limit)


def group_findings(
    app: App, by: GroupBy, query: str = "", *, limit: int = 50, as_of: str | None = None
) -> list[dict[str, Any]]:
    """Findings that match, put together: how many, on how many assets, of how many CVEs, and the highest QDS; worst first.

    A finding counts for each tag of its asset. `query` of a group finds its rows.

    Raises:
        InputError: `qql.*`, with the place; `list.unknown-group`, `list.bad-limit`; `as-of.*`.
    """
    _check_limit(limit)
    if by not in GROUPS:
        raise InputError(
            f"Findings cannot be grouped by '{by}'.",
            code="list.unknown-group",
            remedy=f"Choose one of: {', '.join(GROUPS)}.",
        )
    question, names = ask(app, "findings", query, as_of), GROUPS[by]
    rows = question.answer(("group", by, limit), partial(_grouped, question, names, limit), names)
    return [row | {"query": _narrowed("findings", query, {n: row[n] for n in names})} for row in rows]


def _grouped(question: Question, names: tuple[str, ...], limit: int) -> ir.Table:
    from riskbridge.search.grouping import group_found  # noqa: PLC0415 - loads Ibis

    return group_found(question.asked, names, limit)


def group_assets(
    app: App, by: AssetGroupBy, query: str = "", *, limit: int = 50, as_of: str | None = None
) -> list[dict[str, Any]]:
    """Assets that match, put together: how many, their mean and highest TruRisk; highest mean first.

    An asset counts for each of its tags and sources. `query` of a group finds its assets.

    Raises:
        InputError: `qql.*`, with the place; `list.unknown-group`, `list.bad-limit`; `as-of.*`.
    """
    _check_limit(limit)
    if by not in ASSET_GROUPS:
        raise InputError(
            f"Assets cannot be grouped by '{by}'.",
            code="list.unknown-group",
            remedy=f"Choose one of: {', '.join(ASSET_GROUPS)}.",
        )
    question, name = ask(app, "assets", query, as_of), ASSET_GROUPS[by]
    rows = question.answer(("group", by, limit), partial(_grouped_assets, question, name, limit), (name,))
    return [row | {"query": _narrowed("assets", query, {name: row[name]})} for row in rows]


def _grouped_assets(question: Question, name: str, limit: int) -> ir.Table:
    import ibis  # noqa: PLC0415

    rows = question.asked.matching({name, "trurisk", "critical_count"})
    if rows[name].type().is_array():
        rows = rows.mutate(**{name: rows[name].unnest()})
    counted = (
        rows.filter(rows[name].notnull())
        .group_by(name)
        .agg(
            assets=ibis._.count(),
            trurisk=ibis._.trurisk.mean(),
            highest=ibis._.trurisk.max(),
            critical=ibis._.critical_count.sum(),
        )
    )
    return counted.order_by([counted.trurisk.desc(), counted[name].asc()]).limit(limit)


def summarise(app: App, *, as_of: str | None = None) -> dict[str, Any]:
    """The estate in a few numbers: assets, open findings by band and in CISA KEV, mean and highest TruRisk, assets by band."""
    from riskbridge.score.bands import QDS_BANDS, TRURISK_BANDS  # noqa: PLC0415 - loads Ibis

    assets, findings = ask(app, "assets", "", as_of), ask(app, "findings", "", as_of)

    def of_assets() -> ir.Table:
        rows = assets.asked.matching({"trurisk"})
        bands = {f"band_{b.name}": rows.trurisk.between(b.lowest, b.highest).sum() for b in TRURISK_BANDS}
        return rows.agg(assets=rows.count(), trurisk=rows.trurisk.mean(), worst=rows.trurisk.max(), **bands)

    def of_findings() -> ir.Table:
        rows = findings.asked.matching({"qds", "state", "is_kev"})
        rows = rows.filter(rows.state == "open")
        bands = {b.name: rows.qds.between(b.lowest, b.highest).sum() for b in QDS_BANDS}
        return rows.agg(findings=rows.count(), kev=rows.is_kev.sum(), **bands)

    (estate,) = assets.answer("summary", of_assets)
    (bands,) = findings.answer("summary", of_findings)
    return {
        "assets": estate["assets"],
        "trurisk": round(estate["trurisk"] or 0),
        "worst": round(estate["worst"] or 0),
        "assets_by_band": {b.name: int(estate[f"band_{b.name}"] or 0) for b in TRURISK_BANDS},
        "open_findings": bands["findings"],
        "open_kev_findings": int(bands["kev"] or 0),
        "findings_by_band": {b.name: int(bands[b.name] or 0) for b in QDS_BANDS},
    }


def _count(question: Question) -> int:
    def make() -> ir.Table:
        return question.asked.matching({ID[question.subject]}).count().name("count").as_table()

    (row,) = question.answer("count", make)
    return int(row["count"])


def _or_none(question: Question, number: int, value: Any) -> Any:
    return None if value is None else question.placeholder(f"after.{number}")


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _narrowed(subject: Subject, query: str, values: dict[str, Any]) -> str:
    from riskbridge.search.narrowing import narrow  # noqa: PLC0415 - loads the grammar

    return narrow(subject, query, values)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MOST_ROWS:
        raise InputError(
            f"A page of {limit:,} rows is not possible.",
            code="list.bad-limit",
            remedy=f"Ask for 1 to {MOST_ROWS:,}, and go on with `page`.",
        )
