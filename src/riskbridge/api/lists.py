"""Assets and findings over REST: pages, facets, groups, and one taken apart."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.explanations import AssetExplained, FindingExplained
from riskbridge.api.shapes import RowPage, Rows
from riskbridge.api.tables import AssetRow, FindingRow
from riskbridge.browse import AssetGroupBy, GroupBy, browse, facets, group_assets, group_findings, summarise
from riskbridge.search.tokens import Subject

router = APIRouter(tags=["lists"])

Qql = Annotated[str, Query(description="QQL; blank for all", max_length=20_000)]
Sort = Annotated[str, Query(description="Columns, comma-separated, each after a minus for falling order")]
Columns = Annotated[str, Query(description="Columns wanted, comma-separated; blank for all")]
Limit = Annotated[int, Query(description="Rows of the page", ge=1, le=1_000)]
Values = Annotated[int, Query(description="Values a column", ge=1, le=1_000)]
AsOf = Annotated[str | None, Query(description="A run's number, or a time such as 2027-01-31; now where left out")]
PageMark = Annotated[str | None, Query(description="`next_page` of the page before", max_length=5_000)]


class Summary(BaseModel):
    """The estate in a few numbers: TruRisk as mean and highest, and how many lie in each band."""

    assets: int
    trurisk: int
    worst: int
    assets_by_band: dict[str, int]
    open_findings: int
    open_kev_findings: int
    findings_by_band: dict[str, int]


class FacetValue(BaseModel):
    """A value of a column, and how many rows have it."""

    value: str | bool | int | float
    count: int


class FindingGroup(BaseModel):
    """Findings with something in common: how many, on how many assets, of how many CVEs, the highest QDS, those in KEV.

    What they have in common comes along by its columns' names, such as `cve_id`; `query` finds them.
    """

    model_config = ConfigDict(extra="allow")

    findings: int
    assets: int
    cves: int
    max_qds: int
    kev: int
    query: str


class AssetGroup(BaseModel):
    """Assets with something in common: how many, their mean and highest TruRisk, and their critical findings.

    What they have in common comes along by its column's name, such as `tags`; `query` finds them.
    """

    model_config = ConfigDict(extra="allow")

    assets: int
    trurisk: float
    highest: int
    critical: int
    query: str


class SearchShape(BaseModel):
    """What `GET` of a list takes."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[str, Field(max_length=500_000)] = ""
    sort: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=20)] = []
    columns: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=500)] = []
    limit: Annotated[int, Field(ge=1, le=1_000)] = 50
    page: Annotated[str | None, Field(max_length=5_000)] = None
    as_of: Annotated[str | None, Field(max_length=100)] = None


@router.get("/summary")
def show_summary(_: Asked, service: Served, as_of: AsOf = None) -> Summary:
    """The estate in a few numbers."""
    with service.reading() as app:
        return Summary.model_validate(summarise(app, as_of=as_of))


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
) -> RowPage[AssetRow]:
    """Assets that a query describes, highest TruRisk first."""
    return RowPage[AssetRow].model_validate(_list(service, "assets", query, sort, columns, limit, page, as_of))


@router.get("/assets/facets")
def asset_facets(
    _: Asked, service: Served, query: Qql = "", fields: Columns = "", limit: Values = 12, as_of: AsOf = None
) -> dict[str, list[FacetValue]]:
    """The commonest values of columns among the assets that match."""
    with service.reading() as app:
        return _valued(facets(app, "assets", query, fields=_names(fields), as_of=as_of, limit=limit))


@router.get("/assets/groups")
def asset_groups(
    _: Asked, service: Served, by: AssetGroupBy, query: Qql = "", limit: Limit = 50, as_of: AsOf = None
) -> Rows[AssetGroup]:
    """Assets that match, put together by tag, group, system, criticality, band or source; highest mean TruRisk first."""
    with service.reading() as app:
        rows = group_assets(app, by, query, limit=limit, as_of=as_of)
    return Rows.of([AssetGroup.model_validate(row) for row in rows])


@router.get("/assets/{asset_id}", response_model_exclude_unset=True)
def explain_asset(_: Asked, service: Served, asset_id: str) -> AssetExplained:
    """One asset, its TruRisk taken apart, and why its source records are one."""
    with service.reading() as app:
        return AssetExplained.model_validate(app.explain_asset(asset_id))


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
) -> RowPage[FindingRow]:
    """Findings that a query describes, highest QDS first."""
    return RowPage[FindingRow].model_validate(_list(service, "findings", query, sort, columns, limit, page, as_of))


@router.get("/findings/facets")
def finding_facets(
    _: Asked, service: Served, query: Qql = "", fields: Columns = "", limit: Values = 12, as_of: AsOf = None
) -> dict[str, list[FacetValue]]:
    """The commonest values of columns among the findings that match."""
    with service.reading() as app:
        return _valued(facets(app, "findings", query, fields=_names(fields), as_of=as_of, limit=limit))


@router.get("/findings/groups")
def finding_groups(
    _: Asked, service: Served, by: GroupBy, query: Qql = "", limit: Limit = 50, as_of: AsOf = None
) -> Rows[FindingGroup]:
    """Findings that match, put together by CVE, product, fix, asset, tag, owner, status or severity; worst first."""
    with service.reading() as app:
        rows = group_findings(app, by, query, limit=limit, as_of=as_of)
    return Rows.of([FindingGroup.model_validate(row) for row in rows])


@router.get("/findings/{finding_id}", response_model_exclude_unset=True)
def explain_finding(_: Asked, service: Served, finding_id: str) -> FindingExplained:
    """One finding, its QDS taken apart, its detections and events."""
    with service.reading() as app:
        return FindingExplained.model_validate(app.explain_finding(finding_id))


@router.post("/assets/search")
def search_assets(_: Asked, service: Served, shape: SearchShape) -> RowPage[AssetRow]:
    """Assets that a query describes, by a body, for queries too long for an address; the same rows and pages as by `GET`."""
    return RowPage[AssetRow].model_validate(_search(service, "assets", shape))


@router.post("/findings/search")
def search_findings(_: Asked, service: Served, shape: SearchShape) -> RowPage[FindingRow]:
    """Findings that a query describes, by a body, for queries too long for an address; the same as by `GET`."""
    return RowPage[FindingRow].model_validate(_search(service, "findings", shape))


def _search(service: Served, subject: Subject, shape: SearchShape) -> dict[str, Any]:
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
) -> dict[str, Any]:
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
    return {"count": found.count, "rows": found.rows, "next_page": found.next_page}


def _valued(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[FacetValue]]:
    return {name: [FacetValue.model_validate(value) for value in values] for name, values in found.items()}


def _names(text: str) -> tuple[str, ...]:
    return tuple(n.strip() for n in text.split(",") if n.strip())
