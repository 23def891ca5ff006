"""How a run fetches findings: which stream, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from riskbridge.model.connector import Strategy
from riskbridge.model.source_model import (
    MACHINES_VULNERABILITIES,
    VULNERABILITIES_BY_MACHINE,
    VULNERABILITIES_EXPORT,
    VULNERABILITY_CHANGES,
    SourceModel,
)

MANY_DEVICES = 100_000
"""Devices from which files are read rather than pages, as Microsoft advises."""
WHOLE_READING_EVERY = timedelta(days=7)
"""Changes are trusted for so long after a whole reading."""
LONGEST_GAP = timedelta(days=13)
"""Defender tells of the changes of 14 days; a day is kept for clocks and slow readings."""
OVERLAP = timedelta(hours=12)
"""Two of the six-hour windows in which Defender reports changes: what it reports late is still met."""

_MODELS = {
    Strategy.PAGED: MACHINES_VULNERABILITIES,
    Strategy.EXPORT_JSON: VULNERABILITIES_BY_MACHINE,
    Strategy.EXPORT_FILES: VULNERABILITIES_EXPORT,
    Strategy.DELTA: VULNERABILITY_CHANGES,
}


def stream_of(strategy: str) -> str | None:
    """The stream that a reading by that strategy has its findings in; None where a word is no such strategy."""
    known = {way.value: model.stream for way, model in _MODELS.items()}
    return known.get(strategy)


@dataclass(frozen=True, slots=True)
class History:
    """What is stored of the connector's last readings.

    Attributes:
        reflects_at: The moment that the newest run's findings are of, UTC.
        is_complete: That run was complete, and of the scope of this one.
        whole_at: When the newest whole reading was made, UTC; None without one.
        live_at: The moment that a whole reading of the live list is of, where the newest whole one was such; else None.
    """

    reflects_at: datetime
    is_complete: bool
    whole_at: datetime | None
    live_at: datetime | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What this run does.

    Attributes:
        strategy: One of paged, export-json, export-files, delta.
        why: In words, for the run's record.
        since: From when on changes are asked for; None but for `delta`.
        floor: Changes up to then are known already: a live list may be ahead of the changes told so far.
        may_fall_back: Another strategy may take its place where the tenant does not offer it.
    """

    strategy: Strategy
    why: str
    since: datetime | None = None
    floor: datetime | None = None
    may_fall_back: bool = False

    @property
    def model(self) -> SourceModel:
        """The stream it reads."""
        return _MODELS[self.strategy]


def choose(
    wanted: Strategy, history: History | None, *, devices: int, has_device_filter: bool, finding_filter: str | None,
    observed_at: datetime,
) -> Choice:  # fmt: skip
    """Choose from what the profile wants, what is stored and how large the tenant is.

    Args:
        wanted: The profile's strategy.
        history: What is stored; None before the first run.
        devices: Devices the tenant has.
        has_device_filter: The profile reads some devices alone.
        finding_filter: The profile's filter of findings; None for everything.
        observed_at: When the run began, UTC.
    """
    if wanted is Strategy.PAGED:
        return Choice(Strategy.PAGED, "the profile says so")
    if finding_filter:
        return Choice(Strategy.PAGED, "only the paged list can filter findings")
    if wanted in (Strategy.EXPORT_JSON, Strategy.EXPORT_FILES):
        return Choice(wanted, "the profile says so")
    whole = Strategy.EXPORT_FILES if devices > MANY_DEVICES else Strategy.EXPORT_JSON
    may_fall_back = wanted is Strategy.AUTO
    obstacle = _obstacle(history, observed_at, has_device_filter=has_device_filter)
    if obstacle is not None or history is None:
        return Choice(whole, f"a whole reading: {obstacle}", may_fall_back=may_fall_back)
    since = history.reflects_at - OVERLAP
    if history.live_at is not None:
        since = max(since, history.live_at)
    return Choice(
        Strategy.DELTA,
        f"changes since {since:%Y-%m-%d %H:%M} UTC",
        since=since,
        floor=history.live_at,
        may_fall_back=may_fall_back,
    )


def _obstacle(history: History | None, observed_at: datetime, *, has_device_filter: bool) -> str | None:
    """Why changes alone would not do; None when they do."""
    if has_device_filter:
        return "changes do not tell of devices that come into a device filter"
    if history is None or history.whole_at is None:
        return "nothing is stored yet"
    if not history.is_complete:
        return "the last run was not complete, or had other filters"
    if observed_at - history.whole_at >= WHOLE_READING_EVERY:
        return f"the last was on {history.whole_at:%Y-%m-%d}, a week ago or more"
    if observed_at - (history.reflects_at - OVERLAP) >= LONGEST_GAP:
        return "the last is too long ago for the changes that Defender keeps"
    return None
