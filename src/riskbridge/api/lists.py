"""Assets and findings over REST: pages, facets, groups, one taken apart, and help with queries."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import RowPage
from riskbridge.browse import AssetGroupBy, GroupBy, browse, facets, group_assets, group_findings, summarise
from riskbridge.search.tokens import Subject

router = APIRouter(tags=["lists"])

Qql = Annotated[str, Query(description="QQL; blank for all", max_length=200_000)]
Sort = Annotated[str, Query(description="Columns, comma-separated, each after a minus for falling order")]
Columns = Annotated[str, Query(description="Columns wanted, comma-separated; blank for all")]
Limit = Annotated[int, Query(description="Rows of the page", ge=1, le=1_000)]
Values = Annotated[int, Query(description="Values a column", ge=1, le=1_000)]
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
    _: Asked, service: Served, query: Qql = "", fields: Columns = "", limit: Values = 12, as_of: AsOf = None
) -> dict[str, Any]:
    """The commonest values of columns among the assets that match."""
    with service.reading() as app:
        return facets(app, "assets", query, fields=_names(fields), as_of=as_of, limit=limit)


@router.get("/assets/groups")
def asset_groups(
    _: Asked, service: Served, by: AssetGroupBy, query: Qql = "", limit: Limit = 50, as_of: AsOf = None
) -> dict[str, Any]:
    """Assets that match, put together by tag, group, system, criticality, band or source; highest mean TruRisk first."""
    with service.reading() as app:
        rows = group_assets(app, by, query, limit=limit, as_of=as_of)
    return {"count": len(rows), "rows": rows}


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
    _: Asked, service: Served, query: Qql = "", fields: Columns = "", limit: Values = 12, as_of: AsOf = None
) -> dict[str, Any]:
    """The commonest values of columns among the findings that match."""
    with service.reading() as app:
        return facets(app, "findings", query, fields=_names(fields), as_of=as_of, limit=limit)


@router.get("/findings/groups")
def finding_groups(
    _: Asked, service: Served, by: GroupBy, query: Qql = "", limit: Limit = 50, as_of: AsOf = None
) -> dict[str, Any]:
    """Findings that match, put together by CVE, product, fix, asset, tag, owner, status or severity; worst first."""
    with service.reading() as app:
        rows = group_findings(app, by, query, limit=limit, as_of=as_of)
    return {"count": len(rows), "rows": rows}


@router.get("/findings/{finding_id}")
def explain_finding(_: Asked, service: Served, finding_id: str) -> dict[str, Any]:
    """One finding, its QDS taken apart, its detections and events."""
    with service.reading() as app:
        return app.explain_finding(finding_id)


class SearchShape(BaseModel):
    """What `GET` of a list takes, for queries too long for an address."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[str, Field(max_length=1_000_000)] = ""
    sort: list[str] = []
    columns: list[str] = []
    limit: Annotated[int, Field(ge=1, le=1_000)] = 50
    page: Annotated[str | None, Field(max_length=20_000)] = None
    as_of: str | None = None


@router.post("/{subject}/search")
def search_list(_: Asked, service: Served, subject: Subject, shape: SearchShape) -> RowPage:
    """Assets or findings that a query describes; the same rows and pages as by `GET`."""
    sort, columns = ",".join(shape.sort), ",".join(shape.columns)
    return _list(service, subject, shape.query, sort, columns, shape.limit, shape.page, shape.as_of)


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
