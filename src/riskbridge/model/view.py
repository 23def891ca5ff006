"""Saved views: a name for what a list shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SavedView:
    """What a list shows, under a name.

    Attributes:
        view_id: Stable id.
        name: Unique among its owner's views of the subject, in any letter case.
        subject: `findings` or `assets`.
        owner: Account that made it and alone may change it.
        is_shared: Everybody sees it.
        query: QQL; blank for all.
        columns: Columns in order; empty for the usual ones.
        sort: Columns, each after a minus for falling order; empty for the worst first.
        group: What rows are put together by; None for rows as they are.
        changed_at: Last change, UTC.
    """

    view_id: str
    name: str
    subject: str
    owner: str
    is_shared: bool
    query: str
    columns: tuple[str, ...]
    sort: tuple[str, ...]
    group: str | None
    changed_at: datetime
