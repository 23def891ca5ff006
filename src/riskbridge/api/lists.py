"""Assets and findings over REST: pages, facets, groups, one taken apart, and help with queries."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import RowPage
from riskbridge.browse import GroupBy, browse, facets, group_findings, summarise
from riskbridge.search.tokens import TOKENS, Subject

router = APIRouter(tags=["lists"])

Qql = Annotated[str, Query(description="QQL; blank for all", max_length=20_000)]
Sort = Annotated[str, Query(description="Columns, comma-separated, each after a minus for falling order")]
Columns = Annotated[str, Query(description="Columns wanted, comma-separated; blank for all")]
Limit = Annotated[int, Query(description="Rows of the page", ge=1, le=1_000)]
AsOf = Annotated[str | None, Query(description="A run's number, or a time such as 2027-01-31; now where left out")]
PageMark = Annotated[str | None, Query(description="`next_page` of the page before", max_length=5_000)]


@router.get("/summary")
def show_summary(_: Asked, service: Served, as_of: AsOf = None) -> dict[str, Any]:
    """The estate in a few numbers."""
    with service.reading() as app:
        return summarise(app, as_of=as_of)


@router.get("/assets")
def list_assets(
    _: Asked,
    service: Served,
    query: Qql = "",
    sort: Sort = "",
    columns: Columns = "",
    limit: Limit = 50,
    page: PageMark = None,
    as_of: AsOf = None,
) -> RowPage:
    """Assets that a query describes, highest TruRisk first."""
    return _list(service, "assets", query, sort, columns, limit, page, as_of)


@router.get("/assets/facets")
def asset_facets(
    _: Asked, service: Served, query: Qql = "", fields: Columns = "", as_of: AsOf = None
) -> dict[str, Any]:
    """The commonest values of columns among the assets that match."""
    with service.reading() as app:
        return facets(app, "assets", query, fields=_names(fields), as_of=as_of)


@router.get("/assets/{asset_id}")
def explain_asset(_: Asked, service: Served, asset_id: str) -> dict[str, Any]:
    """One asset, its TruRisk taken apart, and why its source records are one."""
    with service.reading() as app:
        return app.explain_asset(asset_id)


@router.get("/findings")
def list_findings(
    _: Asked,
    service: Served,
    query: Qql = "",
    sort: Sort = "",
    columns: Columns = "",
    limit: Limit = 50,
    page: PageMark = None,
    as_of: AsOf = None,
) -> RowPage:
    """Findings that a query describes, highest QDS first."""
    return _list(service, "findings", query, sort, columns, limit, page, as_of)


@router.get("/findings/facets")
def finding_facets(
    _: Asked, service: Served, query: Qql = "", fields: Columns = "", as_of: AsOf = None
) -> dict[str, Any]:
    """The commonest values of columns among the findings that match."""
    with service.reading() as app:
        return facets(app, "findings", query, fields=_names(fields), as_of=as_of)


@router.get("/findings/groups")
def finding_groups(
    _: Asked, service: Served, by: GroupBy, query: Qql = "", limit: Limit = 50, as_of: AsOf = None
) -> dict[str, Any]:
    """Findings that match, put together by CVE, product, fix, asset or status; worst first."""
    with service.reading() as app:
        rows = group_findings(app, by, query, limit=limit, as_of=as_of)
    return {"count": len(rows), "rows": rows}


@router.get("/findings/{finding_id}")
def explain_finding(_: Asked, service: Served, finding_id: str) -> dict[str, Any]:
    """One finding, its QDS taken apart, its detections and events."""
    with service.reading() as app:
        return app.explain_finding(finding_id)


@router.get("/tokens/{subject}")
def list_search_tokens(_: Asked, subject: Subject) -> dict[str, Any]:
    """What a query about assets or findings may ask."""
    rows = [asdict(t) for t in TOKENS[subject]]
    return {"count": len(rows), "rows": rows}


def _list(
    service: Served,
    subject: Subject,
    query: str,
    sort: str,
    columns: str,
    limit: int,
    page: str | None,
    as_of: str | None,
) -> RowPage:
    with service.reading() as app:
        found = browse(
            app,
            subject,
            query,
            sort=_names(sort),
            limit=limit,
            page=page,
            columns=_names(columns) or None,
            as_of=as_of,
        )
    return RowPage(count=found.count, rows=found.rows, next_page=found.next_page)


def _names(text: str) -> tuple[str, ...]:
    return tuple(n.strip() for n in text.split(",") if n.strip())
