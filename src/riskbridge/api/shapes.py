"""What the API takes and gives, as OpenAPI describes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from riskbridge.model.connector import Strategy

T = TypeVar("T")
_Text = Annotated[str, Field(max_length=2_000)]


class Rows(BaseModel, Generic[T]):
    """A whole list that is short by nature, and how many rows it has."""

    count: int
    rows: list[T]

    @classmethod
    def of(cls, rows: Sequence[T]) -> Self:
        """The rows, counted."""
        return cls(count=len(rows), rows=list(rows))


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


class DecisionShape(BaseModel):
    """What a person decides about findings: one verdict at most, and what is noted beside it. Null leaves as it is."""

    model_config = ConfigDict(extra="forbid")

    why: _Text | None = None
    accepted_until: date | None = None
    is_false_positive: bool = False
    is_mitigated: bool = False
    is_undone: bool = False
    owner: Annotated[str, Field(max_length=200)] | None = None
    due_on: date | None = None
    note: _Text | None = None
    tags: list[Annotated[str, Field(min_length=1, max_length=100)]] = []
    untags: list[Annotated[str, Field(min_length=1, max_length=100)]] = []


class QueryDecisionShape(DecisionShape):
    """The same for every finding that a query describes."""

    query: Annotated[str, Field(min_length=1, max_length=10_000)]


class ReasonShape(BaseModel):
    """Why something is decided."""

    model_config = ConfigDict(extra="forbid")

    why: Annotated[str, Field(min_length=1, max_length=2_000)]


class TokenShape(BaseModel):
    """An API token to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    days: Annotated[int, Field(ge=1, le=366)] = 90
