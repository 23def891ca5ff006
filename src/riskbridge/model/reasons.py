"""Why a detection closes, and whether that stops the clock."""

from __future__ import annotations

from enum import StrEnum


class CloseReason(StrEnum):
    """Why a detection that was open is reported no more; see `REMEDIATED` for those that are a repair."""

    VERSION_CHANGED = "version-changed"
    KB_INSTALLED = "kb-installed"
    SOFTWARE_REMOVED = "software-removed"
    SOURCE_SAID_FIXED = "source-said-fixed"
    DEVICE_SILENT = "device-silent"
    DEVICE_REMOVED = "device-removed"
    OUT_OF_SCOPE = "out-of-scope"
    DEVICE_REIMAGED = "device-reimaged"
    CVE_WITHDRAWN = "cve-withdrawn"
    MAP_CHANGED = "map-changed"
    UNEXPLAINED = "unexplained"


REMEDIATED = (
    CloseReason.VERSION_CHANGED,
    CloseReason.KB_INSTALLED,
    CloseReason.SOFTWARE_REMOVED,
    CloseReason.SOURCE_SAID_FIXED,
)
"""Reasons that stop the clock: the device was repaired. After the others nobody knows that it was."""


class HoldCause(StrEnum):
    """Why closings are held back."""

    INCOMPLETE = "incomplete"
    SCOPE = "scope"
    DROP = "drop"


class HoldState(StrEnum):
    """Where held closings stand: with a person, decided by one, or settled by what later runs saw."""

    HELD = "held"
    APPROVED = "approved"
    REJECTED = "rejected"
    SETTLED = "settled"
