"""Something a person began to set up and has not saved yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed so far, kept until it is saved or thrown away.

    Attributes:
        draft_id: Its id.
        account_id: Whose; nobody else sees it.
        kind: What it is of, such as `connector`.
        values: What was typed, by the name of its field; never a secret.
        secrets: Sealed secrets by the name of their field.
        checks: What the last test said, and of which values; None before the first.
        created_at: Aware UTC.
        changed_at: Aware UTC.
    """

    draft_id: str
    account_id: str
    kind: str
    values: dict[str, Any]
    created_at: datetime
    changed_at: datetime
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    checks: dict[str, Any] | None = None
