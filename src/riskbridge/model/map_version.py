"""One version of a transform map, as the config store keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class MapVersion:
    """What was saved; versions are never changed.

    Attributes:
        name: The map.
        version: Counts from 1.
        body: The map as plain data, without its name and version.
        note: What the person said of it; empty for nothing.
        saved_at: Aware UTC.
        saved_by: Name of the account.
    """

    name: str
    version: int
    body: dict[str, Any]
    note: str
    saved_at: datetime
    saved_by: str

    @property
    def label(self) -> str:
        """`name/version`, as runs record it."""
        return f"{self.name}/{self.version}"
