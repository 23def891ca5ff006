"""Saved views as people work with them: a name for a query, columns, sort and grouping, checked before it is kept."""

from __future__ import annotations

import uuid
from dataclasses import asdict, replace
from typing import Any, cast, get_args

from riskbridge.app import App
from riskbridge.browse import ASSET_GROUPS, GROUPS
from riskbridge.errors import InputError
from riskbridge.model.view import SavedView

LONGEST_NAME = 200


def make_view(app: App, owner: str, name: str, subject: str, **shown: Any) -> SavedView:
    """A view that can be saved.

    Args:
        app: The home.
        owner: Who makes it.
        name: Its name.
        subject: `findings` or `assets`.
        shown: `query`, `columns`, `sort`, `group`, `is_shared`; what is left out is as usual.

    Raises:
        InputError: `view.bad`; `qql.*`; `list.unknown-column`, `list.unknown-group`.
    """
    values = {"query": "", "columns": (), "sort": (), "group": None, "is_shared": False} | shown
    view = SavedView(
        uuid.uuid4().hex,
        name.strip(),
        subject,
        owner,
        bool(values["is_shared"]),
        str(values["query"]).strip(),
        tuple(values["columns"]),
        tuple(values["sort"]),
        values["group"] or None,
        app.now().replace(microsecond=0),
    )
    check_view(app, view)
    return view


def check_view(app: App, view: SavedView) -> None:
    """Raise unless a view can be shown.

    Raises:
        InputError: `view.bad`; `qql.*`; `list.unknown-column`, `list.unknown-group`.
    """
    from riskbridge.question import ask  # noqa: PLC0415 - loads Ibis
    from riskbridge.search.listing import check_columns  # noqa: PLC0415
    from riskbridge.search.tokens import Subject  # noqa: PLC0415

    if view.subject not in get_args(Subject):
        raise InputError(
            f"There is no list of '{view.subject}'.", code="view.bad", remedy="Make views of findings or of assets."
        )
    if not view.name or len(view.name) > LONGEST_NAME or any(not c.isprintable() for c in view.name):
        raise InputError(
            "The view has no name that can be shown.",
            code="view.bad",
            remedy=f"Give a name of 1 to {LONGEST_NAME} characters that can be printed.",
        )
    subject = cast("Subject", view.subject)
    ask(app, subject, view.query).asked.matching(())
    check_columns(subject, [*view.columns, *(s.removeprefix("-") for s in view.sort)])
    groups = GROUPS if subject == "findings" else ASSET_GROUPS
    if view.group is not None and view.group not in groups:
        raise InputError(
            f"{subject.capitalize()} cannot be grouped by '{view.group}'.",
            code="list.unknown-group",
            remedy=f"Choose one of: {', '.join(groups)}.",
        )


def change_view(app: App, view: SavedView, by: str, **changes: Any) -> SavedView:
    """The view with other values, for its owner to save.

    Raises:
        InputError: `view.not-yours`: somebody else made it; and what `check_view` raises.
    """
    require_owner(view, by)
    values: dict[str, Any] = {n: tuple(v) if n in ("columns", "sort") else v for n, v in changes.items()}
    changed = replace(view, **values, changed_at=app.now().replace(microsecond=0))
    check_view(app, changed)
    return changed


def require_owner(view: SavedView, by: str) -> None:
    """Raise unless a person made the view.

    Raises:
        InputError: `view.not-yours`.
    """
    if view.owner != by:
        raise InputError(
            f"The view '{view.name}' is {view.owner}'s.",
            code="view.not-yours",
            remedy="Save one of your own with another name.",
        )


def shown_view(view: SavedView) -> dict[str, Any]:
    """A view as plain data."""
    return asdict(view) | {
        "columns": list(view.columns),
        "sort": list(view.sort),
        "changed_at": view.changed_at.isoformat().replace("+00:00", "Z"),
    }
