"""One run of a connector, from its first call to the published state, resumable at the page it had reached.

The observation time of a run is fixed when it starts and travels with its id, so a run that was killed and taken up again
publishes what an undisturbed run would have: rows staged before are not asked for again, the computation is repeated from
staging, and publishing is one transaction that happens once per run id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from riskbridge.enrich.facts import Feeds
from riskbridge.errors import ConfigError, FatalError
from riskbridge.forms import ID_LENGTH
from riskbridge.lifecycle.detections import Sighting
from riskbridge.model.connector import RunOutcome, Strategy
from riskbridge.model.reasons import HoldCause
from riskbridge.model.source_model import MACHINES, MACHINES_VULNERABILITIES
from riskbridge.model.target import EVENT, RUN
from riskbridge.pipeline.chain import readings
from riskbridge.pipeline.file_reading import FilePlan, FileReading, FileRecords
from riskbridge.pipeline.gate import LARGEST_DROP, Verdict, judge
from riskbridge.pipeline.holding import hold_closings, settle
from riskbridge.pipeline.identifying import IdentityInputs
from riskbridge.pipeline.progress import Phase, Progress
from riskbridge.pipeline.reading import Reading, Source
from riskbridge.pipeline.reconcile import Reconciliation
from riskbridge.pipeline.strategy import WHOLE_READING_EVERY, History
from riskbridge.score.settings import ScoreSettings
from riskbridge.staging.stream import StagedStream
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import PublishedRun, Warehouse
from riskbridge.transform.spec import TransformMap

W = TypeVar("W", bound=Reconciliation)
CATALOGUE_OVERLAP = timedelta(days=1)
"""Catalogue entries updated in so long before the last reading are read again, for clocks that differ."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is to do, fixed before its first call.

    Attributes:
        run_id: Stable over resumption.
        connector_id: The connector.
        connector_name: Its name, for the record.
        identity: What identification goes by.
        observed_at: The time all its sightings carry, UTC.
        device_filter: OData text or None.
        finding_filter: OData text or None.
        retain_missing: Absent findings keep their status.
        is_drop_accepted: A person has said that a large drop is real.
        strategy: How findings are to be fetched.
        has_software: The software inventory is read too.
        largest_drop: Share of the open detections that may vanish at once before their closings are held.
        map_doubt: Why what is stored may be of another map than this run's, in a sentence; None where it is not.
        files: What is read from files; None where a tenant is read.
        expected_rows: Rows by stream, as the last reading of the same had them.
    """

    run_id: str
    connector_id: str
    connector_name: str
    identity: IdentityInputs
    observed_at: datetime
    device_filter: str | None = None
    finding_filter: str | None = None
    retain_missing: bool = False
    is_drop_accepted: bool = False
    strategy: Strategy = Strategy.PAGED
    has_software: bool = False
    largest_drop: float = LARGEST_DROP
    map_doubt: str | None = None
    files: FilePlan | None = None
    expected_rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        """The filters as one text: closings by absence need the same scope as the run before."""
        filters = f"{self.device_filter or ''}\n{self.finding_filter or ''}"
        return filters if self.files is None else f"{filters}\n{self.files.scope}"


@dataclass(slots=True)
class RunReport:
    """How a run went: outcome, counts by name, warnings in words, and how each stream was read as plain data."""

    run: int
    outcome: RunOutcome
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    streams: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run works with, chosen by the composition root."""

    engine: DuckDBEngine
    warehouse: Warehouse
    source: Source
    open_stream: Callable[[str], StagedStream]
    transform_map: TransformMap
    feeds: Feeds
    score_settings: ScoreSettings
    now: Callable[[], datetime]
    files: FileRecords | None = None


def run_once(plan: RunPlan, parts: Parts, progress: Progress) -> RunReport:
    """Read, map, identify, follow, score and publish; a run id that is published already is only reported.

    Raises:
        ConfigError: `run.clock-backwards`: the connector's last run is later than this one.
        RiskbridgeError: The run failed; nothing stored before is changed, and the same plan may be run again.
    """
    published = parts.warehouse.find_run(plan.run_id)
    if published is not None:
        return RunReport(published, RunOutcome.SUCCEEDED, _published_counts(parts, published))
    previous_at = _previous_at(parts, plan.connector_id)
    _require_forward(plan, previous_at)
    report = RunReport(parts.warehouse.last_run() + 1, RunOutcome.SUCCEEDED)
    scope_since = parts.warehouse.scope_since(plan.connector_id, _scope_hash(plan))
    work = make_work(plan, parts, Sighting(report.run, plan.observed_at, previous_at, scope_since), Reconciliation)
    earlier = _earlier(plan, parts)
    reading = begin_reading(plan, parts, work, progress, earlier.history, report)
    seen = work.sight(reading.read_findings())
    if plan.has_software:
        reading.read_software()
    catalogue = reading.read_catalogue(earlier.catalogue_since)
    report.warnings += work.warnings
    progress.begin(Phase.LIFECYCLE, expected_rows=None)
    work.compare(seen, catalogue)
    verdict = _judge(plan, parts, work, [*reading.doubts, *([plan.map_doubt] if plan.map_doubt else [])])
    versions = work.diff(may_close=verdict.may_close)
    _tell(report, verdict, hold_closings(work, verdict, plan.connector_name))
    settle(work, versions)
    progress.end(Phase.LIFECYCLE)
    progress.begin(Phase.SCORE, expected_rows=None)
    work.enrich(catalogue, parts.feeds, is_catalogue_whole=earlier.catalogue_at is None)
    work.score(versions)
    progress.end(Phase.SCORE)
    work.counts["rejects"] = sum(parts.engine.scalar(r.count()) for r in work.changes.rejects)
    progress.begin(Phase.PUBLISH, expected_rows=None)
    parts.warehouse.publish(
        report.run,
        PublishedRun(
            run_id=plan.run_id,
            connector_id=plan.connector_id,
            connector_name=plan.connector_name,
            observed_at=plan.observed_at,
            published_at=parts.now(),
            is_complete=verdict.may_close,
            scope_hash=_scope_hash(plan),
            map_version=f"{parts.transform_map.name}/{parts.transform_map.version}",
            strategy=reading.way,
            reflects_at=reading.reflects_at or plan.observed_at,
            catalogue_at=earlier.catalogue_at or (plan.observed_at if catalogue is not None else None),
        ),
        work.changes,
    )
    progress.end(Phase.PUBLISH)
    report.counts |= work.counts | {"events": _count_events(parts, report.run)}
    return report


def make_work(plan: RunPlan, parts: Parts, sighting: Sighting, kind: type[W]) -> W:
    """The computation of a run, before its first step."""
    return kind(
        parts.engine,
        parts.warehouse,
        plan.connector_id,
        plan.identity,
        sighting,
        parts.score_settings,
        has_device_filter=plan.device_filter is not None,
        has_finding_filter=plan.finding_filter is not None,
    )


def begin_reading(
    plan: RunPlan, parts: Parts, work: Reconciliation, progress: Progress, history: History | None, report: RunReport
) -> Reading:
    """What reads the streams of a plan: of a tenant, or of files."""
    common: dict[str, Any] = {
        "engine": parts.engine,
        "source": parts.source,
        "open_stream": parts.open_stream,
        "transform_map": parts.transform_map,
        "filters": {MACHINES.stream: plan.device_filter, MACHINES_VULNERABILITIES.stream: plan.finding_filter},
        "work": work,
        "progress": progress,
        "wanted": plan.strategy,
        "history": history,
        "observed_at": plan.observed_at,
        "counts": report.counts,
        "warnings": report.warnings,
        "evidence": report.streams,
        "expected": plan.expected_rows,
    }
    if plan.files is None:
        return Reading(**common)
    return FileReading(**common, plan=plan.files, records=parts.files)


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What earlier runs leave to this one.

    Attributes:
        history: Their readings; None before the first.
        catalogue_at: When the whole catalogue was last read, UTC; None when it must be read now.
        catalogue_since: Entries updated since then are read; None: all of them.
    """

    history: History | None
    catalogue_at: datetime | None
    catalogue_since: datetime | None


def _earlier(plan: RunPlan, parts: Parts) -> _Earlier:
    runs = parts.warehouse.runs_of(plan.connector_id)
    if not runs:
        return _Earlier(None, None, None)
    newest = runs[0]
    whole = next((r for r in readings(runs) if r["is_complete"] and r["strategy"] != Strategy.DELTA.value), None)
    is_live = whole is not None and whole["strategy"] == Strategy.PAGED.value
    history = History(
        reflects_at=newest["reflects_at"],
        # Changes have to be laid over what the same map made.
        is_complete=newest["is_complete"] and newest["scope_hash"] == _scope_hash(plan) and plan.map_doubt is None,
        whole_at=whole["observed_at"] if whole is not None else None,
        live_at=whole["reflects_at"] if whole is not None and is_live else None,
    )
    # EPSS and the number of devices move without an update, so the whole catalogue is read again every week.
    catalogue_at = newest["catalogue_at"]
    is_due = catalogue_at is None or plan.observed_at - catalogue_at >= WHOLE_READING_EVERY
    return (
        _Earlier(history, None, None) if is_due else _Earlier(history, catalogue_at, catalogue_at - CATALOGUE_OVERLAP)
    )


def _judge(plan: RunPlan, parts: Parts, work: Reconciliation, doubts: list[str]) -> Verdict:
    if plan.retain_missing:
        return Verdict(may_close=False)
    last = parts.warehouse.last_scope(plan.connector_id)
    return judge(
        work,
        doubts,
        is_scope_changed=last is not None and last != _scope_hash(plan),
        is_first=last is None,
        is_drop_accepted=plan.is_drop_accepted,
        largest_drop=plan.largest_drop,
    )


def _tell(report: RunReport, verdict: Verdict, held: str | None) -> None:
    if verdict.cause is None:
        return
    report.outcome = RunOutcome.PARTIAL
    remedy = "a complete run of the same filters will" if verdict.cause is HoldCause.SCOPE else "a complete run will"
    nothing = f"Nothing was closed for being absent; {remedy}, or this one with --accept-drop."
    report.warnings += [*verdict.reasons, held or nothing]


def _scope_hash(plan: RunPlan) -> str:
    return hashlib.sha256(plan.scope.encode()).hexdigest()[:ID_LENGTH]


def _previous_at(parts: Parts, connector_id: str) -> datetime | None:
    runs = parts.warehouse.table(RUN)
    found = parts.engine.scalar(runs.filter(runs.connector_id == connector_id).observed_at.max())
    if found is not None and not isinstance(found, datetime):
        raise FatalError(
            f"The warehouse's record of the connector's last run is no time: {found!r}.",
            code="warehouse.broken-run",
            remedy="Restore the warehouse from a backup.",
        )
    return found


def _require_forward(plan: RunPlan, previous_at: datetime | None) -> None:
    """Dates of findings follow from the times of runs, so those may not go back."""
    if previous_at is not None and plan.observed_at < previous_at:
        raise ConfigError(
            f"The clock says {plan.observed_at:%Y-%m-%d %H:%M:%S} UTC, and the last run of '{plan.connector_name}' was at "
            f"{previous_at:%Y-%m-%d %H:%M:%S} UTC. Nothing was read.",
            code="run.clock-backwards",
            remedy="Set this machine's clock right. If it was wrong then, wait until that time is past.",
        )


def _count_events(parts: Parts, run: int) -> int:
    events = parts.warehouse.table(EVENT)
    return int(parts.engine.scalar(events.filter(events.run == run).count()))


def _published_counts(parts: Parts, run: int) -> dict[str, int]:
    return {"events": _count_events(parts, run)}
