"""Data models as OpenAPI describes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

_FIELD: dict[str, JsonValue] = {
    "path": "ipAddresses[].ipAddress",
    "type": "list",
    "may_be_null": True,
    "description": "An address",
    "example": "192.0.2.7",
    "tokens": [],
}
_Kind = Literal["source", "target"]


class ModelSummary(BaseModel):
    """A data model without its fields."""

    name: str
    kind: _Kind
    description: str
    is_read_only: bool
    fields: Annotated[int, Field(description="How many")]


class ModelField(BaseModel):
    """A field of a data model."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FIELD]})

    path: Annotated[str, Field(description="Dotted from the record")]
    type: str
    may_be_null: bool
    description: str
    example: str
    tokens: Annotated[list[str], Field(description="Names under which a query finds it; none for a source's field")]


class ModelShown(BaseModel):
    """A data model with its fields; `stream` is there for those of sources."""

    name: str
    kind: _Kind
    stream: str = ""
    description: str
    is_read_only: bool
    fields: list[ModelField]


class InferredField(BaseModel):
    """A field as it can be kept; `children` are the members of an object, or of each of several."""

    name: str
    kind: str
    description: str
    example: str = ""
    required: bool = False
    children: list[InferredField] = []


class InferredModel(BaseModel):
    """A data model made from a sample, to be completed and kept."""

    name: str
    stream: str
    description: str
    fields: list[InferredField]


class InferredColumn(BaseModel):
    """What a sample says of a column."""

    name: str
    kind: str
    blanks: Annotated[int, Field(description="Rows in which it is empty")]
    distinct: Annotated[int, Field(description="Different values")]
    examples: Annotated[list[str], Field(description="The most frequent values")]


class Inferred(BaseModel):
    """A data model made from a sample, and what was found in each column."""

    model: InferredModel
    columns: list[InferredColumn]
    rows: Annotated[int, Field(description="Rows of the sample")]
