"""Drafts as people work with them: begun, changed bit by bit, left and taken up again, thrown away."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.model.draft import Draft

KINDS = ("connector", "file")
"""A connector of a tenant, or one of files."""
SECRET_FIELDS = frozenset({"client_secret"})
MOST_DRAFTS = 50
LARGEST_BYTES = 200_000


def list_drafts(app: App, account_id: str) -> list[Draft]:
    """A person's drafts, the one worked on last first."""
    return app.store.drafts.list_drafts(account_id)


def get_draft(app: App, account_id: str, draft_id: str) -> Draft:
    """One of a person's drafts.

    Raises:
        InputError: `draft.unknown`.
    """
    found = app.store.drafts.find_draft(account_id, draft_id)
    if found is None:
        raise InputError(
            "There is no such draft; it was saved or thrown away.",
            code="draft.unknown",
            remedy="Begin another.",
        )
    return found


def begin_draft(app: App, account_id: str, kind: str, values: Mapping[str, Any] | None = None) -> Draft:
    """Begin something.

    Raises:
        InputError: `draft.unknown-kind`, `draft.too-many`, `draft.too-large`.
    """
    if kind not in KINDS:
        raise InputError(
            f"Nothing is set up by a draft of '{kind}'.",
            code="draft.unknown-kind",
            remedy=f"Choose one of: {', '.join(KINDS)}.",
        )
    if len(list_drafts(app, account_id)) >= MOST_DRAFTS:
        raise InputError(
            f"You have {MOST_DRAFTS} drafts already.", code="draft.too-many", remedy="Throw some of them away first."
        )
    now = app.now()
    return change_draft(app, Draft(uuid.uuid4().hex, account_id, kind, {}, now, now), values or {})


def change_draft(app: App, draft: Draft, changes: Mapping[str, Any]) -> Draft:
    """Keep some values; others stay as they are, null takes one away. A secret is sealed, and an empty one keeps the old.

    Raises:
        InputError: `draft.too-large`.
    """
    secrets = dict(draft.secrets)
    values = dict(draft.values)
    for name, value in changes.items():
        if name in SECRET_FIELDS:
            if value is None:
                secrets.pop(name, None)
            elif str(value).strip():
                secrets[name] = app.secrets.seal(str(value))
        elif value is None:
            values.pop(name, None)
        else:
            values[name] = value
    if len(json.dumps([values, secrets])) > LARGEST_BYTES:
        raise InputError(
            f"A draft holds {LARGEST_BYTES:,} characters at most; what was there before is kept.",
            code="draft.too-large",
            remedy="Shorten what you typed.",
        )
    changed = replace(draft, values=values, secrets=secrets, changed_at=app.now())
    app.store.drafts.save_draft(changed)
    return changed


def keep_checks(app: App, draft: Draft, names: tuple[str, ...], report: dict[str, Any]) -> Draft:
    """Keep what a test said of the values of those names."""
    checked = replace(draft, checks={**report, "of": mark_of(draft, names)}, changed_at=app.now())
    app.store.drafts.save_draft(checked)
    return checked


def is_checked(draft: Draft, names: tuple[str, ...]) -> bool:
    """Whether the last test passed and was of the values as they are now."""
    return draft.checks is not None and bool(draft.checks.get("ok")) and draft.checks["of"] == mark_of(draft, names)


def mark_of(draft: Draft, names: tuple[str, ...]) -> str:
    """The same for the same values, so that a test is known to be of them; it tells nothing of a secret."""
    told = [[n, draft.secrets.get(n) or draft.values.get(n) or None] for n in names]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def delete_draft(app: App, account_id: str, draft_id: str) -> None:
    """Throw a draft away, with its secret.

    Raises:
        InputError: `draft.unknown`.
    """
    get_draft(app, account_id, draft_id)
    app.store.drafts.delete_draft(account_id, draft_id)
