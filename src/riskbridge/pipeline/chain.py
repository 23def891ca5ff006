"""Which staged runs, together, are what a connector's source last said: a whole reading and all that came after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from riskbridge.errors import InputError
from riskbridge.model.connector import Strategy
from riskbridge.model.source_model import MACHINES, SOFTWARE_INVENTORY, VULNERABILITIES, VULNERABILITY_CHANGES
from riskbridge.staging.stream import StagedStream

REMAP = "remap"
"""Strategy of a published run that read nothing, but mapped anew what earlier runs had staged."""

FindStream = Callable[[str, str], StagedStream | None]
"""The stream of a run that was read to its end, by run id and stream; None where its rows are kept no more."""


@dataclass(frozen=True, slots=True)
class Step:
    """A published run whose findings are still staged.

    Attributes:
        run_id: Its id.
        strategy: How it fetched findings.
        floor: Changes up to then were known to it; None: all of them count.
    """

    run_id: str
    strategy: str
    floor: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """It read all findings, not changes alone."""
        return self.strategy != Strategy.DELTA.value


@dataclass(frozen=True, slots=True)
class Chain:
    """Staged runs in order.

    Attributes:
        steps: A whole reading, and what came after it.
        devices: Run id of the newest list of devices; None where the source has none of its own.
        software: Run id of the newest software inventory; None without one.
        catalogue: Run ids of the newest whole CVE catalogue and the updates after it, oldest first; may be empty.
    """

    steps: tuple[Step, ...]
    devices: str | None
    software: str | None
    catalogue: tuple[str, ...]

    @property
    def run_ids(self) -> set[str]:
        """Every run whose raw rows it needs."""
        others = (r for r in (self.devices, self.software) if r is not None)
        return {*(s.run_id for s in self.steps), *others, *self.catalogue}


def readings(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of a connector's published runs that read its source, newest first."""
    return [r for r in runs if r["strategy"] != REMAP]


def find_chain(
    runs: Sequence[dict[str, Any]], streams: Callable[[str], str | None], find_stream: FindStream
) -> Chain | None:
    """The staged runs that the stored state comes from; None where too little is staged.

    The base is the newest whole reading whose stream was complete, else the newest that is staged. Every run after it
    must be staged too, or what it saw would be lost.

    Args:
        runs: The connector's published runs, newest first: rows of RUN.
        streams: The stream that a whole reading by that strategy has its findings in; None for no such strategy.
        find_stream: Where rows are staged.
    """
    read = readings(runs)
    base = _find_base(read, streams, find_stream)
    if base is None:
        return None
    steps = []
    floor = read[base]["reflects_at"] if read[base]["strategy"] == Strategy.PAGED.value else None
    for run in reversed(read[: base + 1]):
        is_delta = run["strategy"] == Strategy.DELTA.value
        stream = VULNERABILITY_CHANGES.stream if is_delta else streams(run["strategy"])
        if stream is not None and find_stream(run["run_id"], stream) is not None:
            steps.append(Step(run["run_id"], run["strategy"], floor if is_delta else None))
        elif not is_delta or find_stream(run["run_id"], MACHINES.stream) is None:
            # A run by changes that met a snapshot older than what was known has devices, and no changes.
            return None
    return Chain(
        tuple(steps),
        _newest(read, MACHINES.stream, find_stream),
        _newest(read, SOFTWARE_INVENTORY.stream, find_stream),
        _catalogue(read, find_stream),
    )


def require_chain(chain: Chain | None, connector_name: str) -> Chain:
    """The chain.

    Raises:
        InputError: `remap.nothing-staged`.
    """
    if chain is None:
        raise InputError(
            f"The raw rows of the last whole reading of '{connector_name}', or of a run after it, are kept no more.",
            code="remap.nothing-staged",
            remedy=f"Read anew: riskbridge run {connector_name!r}",
        )
    return chain


def _find_base(
    read: Sequence[dict[str, Any]], streams: Callable[[str], str | None], find_stream: FindStream
) -> int | None:
    staged = []
    for place, run in enumerate(read):
        stream = streams(run["strategy"]) if run["strategy"] != Strategy.DELTA.value else None
        found = find_stream(run["run_id"], stream) if stream is not None else None
        if found is not None and found.is_complete:
            return place
        staged += [place] if found is not None else []
    return staged[0] if staged else None


def _newest(read: Iterable[dict[str, Any]], stream: str, find_stream: FindStream) -> str | None:
    return next((str(r["run_id"]) for r in read if find_stream(r["run_id"], stream) is not None), None)


def _catalogue(read: Sequence[dict[str, Any]], find_stream: FindStream) -> tuple[str, ...]:
    """From the newest run that read the whole catalogue on; those that are staged."""
    found = []
    for run in read:
        if find_stream(run["run_id"], VULNERABILITIES.stream) is not None:
            found.append(str(run["run_id"]))
        if run["catalogue_at"] is not None and run["catalogue_at"] == run["observed_at"]:
            break
    return tuple(reversed(found))
