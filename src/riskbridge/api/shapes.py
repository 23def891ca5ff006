"""What the API takes and gives, as OpenAPI describes it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from riskbridge.model.connector import Strategy

_Text = Annotated[str, Field(max_length=2_000)]


class RowPage(BaseModel):
    """A page of rows; `next_page` is what to ask for next, null on the last page."""

    count: int
    rows: list[dict[str, Any]]
    next_page: str | None = None


class ConnectorShape(BaseModel):
    """A connector and its profile as a person sets them up. The secret is taken and never given."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: _Text = ""
    tenant_id: Annotated[str, Field(min_length=1, max_length=200)]
    client_id: Annotated[str, Field(max_length=200)] = ""
    client_secret: Annotated[str, Field(max_length=10_000, repr=False)] = ""
    cloud: str = "commercial"
    login_url: _Text | None = None
    api_url: _Text | None = None
    audience: _Text | None = None
    certificate: _Text | None = None
    ca_bundle: _Text | None = None
    proxy: _Text | None = None
    device_filter: Annotated[str, Field(max_length=10_000)] | None = None
    finding_filter: Annotated[str, Field(max_length=10_000)] | None = None
    strategy: Strategy = Strategy.PAGED
    page_size: Annotated[int, Field(ge=1, le=200_000)] | None = None
    has_software: bool = False
    retain_missing: bool = False


class FilterShape(BaseModel):
    """OData filters to be checked."""

    model_config = ConfigDict(extra="forbid")

    device_filter: Annotated[str, Field(max_length=10_000)] | None = None
    finding_filter: Annotated[str, Field(max_length=10_000)] | None = None


class TokenShape(BaseModel):
    """An API token to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    days: Annotated[int, Field(ge=1, le=366)] = 90
