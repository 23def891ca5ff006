"""Saved views over REST: a person's own, and those that others share."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.shapes import Rows
from riskbridge.saved_views import change_view, make_view, require_owner, shown_view
from riskbridge.search.tokens import Subject

router = APIRouter(tags=["views"])
Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=200)]
_EXAMPLE: dict[str, JsonValue] = {
    "name": "To mend this week",
    "subject": "findings",
    "query": "finding.qds >= 90 and finding.slaStatus:[at-risk, breached]",
    "columns": ["qds", "cve_id", "asset_name", "due_at"],
    "sort": ["due_at"],
    "is_shared": True,
}


class ViewShape(BaseModel):
    """What a list shows: query, columns, sort (each after a minus for falling order) and grouping."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    subject: Subject
    query: Annotated[str, Field(max_length=10_000)] = ""
    columns: Names = []
    sort: Names = []
    group: Annotated[str | None, Field(max_length=40)] = None
    is_shared: bool = False


class ViewShown(ViewShape):
    """A saved view, whose it is, and when it was changed."""

    view_id: str
    owner: str
    changed_at: str


@router.get("/views")
def list_views(caller: Asked, service: Served, subject: Subject | None = None) -> Rows[ViewShown]:
    """The caller's views and all that are shared, by name."""
    found = service.app.store.views.list_views(caller.account.name, subject)
    return Rows.of([ViewShown.model_validate(shown_view(v)) for v in found])


@router.post("/views", status_code=status.HTTP_201_CREATED)
def save_view(caller: Asked, service: Served, shape: ViewShape, response: Response) -> ViewShown:
    """Save a view, once it can be shown."""
    with service.reading() as app:
        view = make_view(app, caller.account.name, **shape.model_dump())
    service.app.store.acting_as(caller.account.name).views.save_view(view)
    set_tag(response, shown_view(view))
    return ViewShown.model_validate(shown_view(view))


@router.get("/views/{view_id}")
def show_view(caller: Asked, service: Served, view_id: str, response: Response) -> ViewShown:
    """One view, by its id or name."""
    view = service.app.store.views.get_view(view_id, caller.account.name)
    set_tag(response, shown_view(view))
    return ViewShown.model_validate(shown_view(view))


@router.put("/views/{view_id}")
def edit_view(
    caller: Asked, service: Served, view_id: str, shape: ViewShape, response: Response, if_match: IfMatch = None
) -> ViewShown:
    """Change a view of one's own."""
    with service.editing(caller.account.name) as store, service.reading() as app:
        view = store.views.get_view(view_id, caller.account.name)
        require_owner(view, caller.account.name)
        change = store.find_change("view", view.name)
        require_match(if_match, shown_view(view), f"The view '{view.name}'", change=change)
        changed = change_view(app, view, caller.account.name, **shape.model_dump())
        store.views.save_view(changed)
    set_tag(response, shown_view(changed))
    return ViewShown.model_validate(shown_view(changed))


@router.delete("/views/{view_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_view(caller: Asked, service: Served, view_id: str, if_match: IfMatch = None) -> None:
    """Delete a view of one's own."""
    with service.editing(caller.account.name) as store:
        view = store.views.get_view(view_id, caller.account.name)
        require_owner(view, caller.account.name)
        require_match(if_match, shown_view(view), f"The view '{view.name}'")
        store.views.delete_view(view)
