"""Help with queries over REST: what may come next, whether one can be asked, and every token."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import Rows
from riskbridge.assist import check, complete
from riskbridge.search.tokens import TOKENS, Subject

router = APIRouter(tags=["queries"])

Text = Annotated[str, Query(description="QQL, whole or begun", max_length=200_000)]


class SuggestionShape(BaseModel):
    """What may be typed: the text to insert, what it is, and how many rows have it where that was counted."""

    text: str
    kind: str
    description: str
    count: int | None = None


class CompletionShape(BaseModel):
    """What is expected at the cursor; a suggestion replaces the text from `start` to `end`."""

    kind: str
    start: int
    end: int
    suggestions: list[SuggestionShape]


class QueryFault(BaseModel):
    """What is wrong with a query, where, and what to do."""

    model_config = ConfigDict(extra="allow")

    code: Annotated[str, Field(examples=["qql.unknown-token"])]
    message: str
    remedy: str
    line: Annotated[int | None, Field(description="From 1")] = None
    column: Annotated[int | None, Field(description="From 1")] = None
    length: Annotated[int | None, Field(description="Characters it is of")] = None
    nearest: Annotated[str | None, Field(description="The token that was probably meant")] = None


class CheckedShape(BaseModel):
    """Whether a query can be asked: in one spelling with what it asks for, or its fault with the place."""

    is_valid: bool
    query: str | None = None
    tokens: list[str] = []
    columns: list[str] = []
    fault: QueryFault | None = None


class QueryShape(BaseModel):
    """A query to be checked."""

    model_config = ConfigDict(extra="forbid")

    subject: Subject
    query: Annotated[str, Field(max_length=500_000)]


class TokenShown(BaseModel):
    """What a query may ask about: how it is named, of which column it is, and how values are read.

    `element` names the rows of which a row of the list may have several, and `values` all that there can be.
    """

    name: str
    aliases: list[str]
    kind: Annotated[str, Field(description="text is searched by words, a keyword by its whole value")]
    description: str
    column: str
    is_list: bool
    element: str | None
    values: list[str]


@router.get("/qql/complete")
def complete_query(
    _: Asked,
    service: Served,
    subject: Subject,
    query: Text = "",
    cursor: Annotated[int | None, Query(description="Characters before the cursor; left out: the end", ge=0)] = None,
) -> CompletionShape:
    """What may come at a place of a query, with values that are stored."""
    with service.reading() as app:
        return CompletionShape.model_validate(complete(app, subject, query, cursor))


@router.get("/qql/check")
def check_query(_: Asked, service: Served, subject: Subject, query: Text = "") -> CheckedShape:
    """Whether a query can be asked; a wrong one is an answer, too, with the place of its fault."""
    with service.reading() as app:
        return CheckedShape.model_validate(check(app, subject, query))


@router.post("/qql/check")
def check_long_query(_: Asked, service: Served, shape: QueryShape) -> CheckedShape:
    """The same for queries too long for an address."""
    with service.reading() as app:
        return CheckedShape.model_validate(check(app, shape.subject, shape.query))


@router.get("/tokens/{subject}")
def list_search_tokens(_: Asked, subject: Subject) -> Rows[TokenShown]:
    """What a query about assets or findings may ask."""
    return Rows.of([TokenShown.model_validate(asdict(token)) for token in TOKENS[subject]])
