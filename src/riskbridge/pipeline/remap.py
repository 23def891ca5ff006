"""Everything staged through another map, published like a run: what changes is the map's doing, and says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.errors import ConfigError
from riskbridge.lifecycle.detections import Sighting
from riskbridge.lifecycle.findings import finding_events
from riskbridge.lifecycle.remapped import Lineage
from riskbridge.model.connector import RunOutcome
from riskbridge.model.layout import IS_FOUND
from riskbridge.model.reasons import CloseReason
from riskbridge.model.source_model import SOFTWARE_INVENTORY, VULNERABILITIES
from riskbridge.model.target import DETECTION_DETAIL, EVENT, FINDING
from riskbridge.pipeline.chain import REMAP, Chain, FindStream
from riskbridge.pipeline.holding import settle
from riskbridge.pipeline.progress import NoProgress, Phase, Progress
from riskbridge.pipeline.relinking import replaced_findings
from riskbridge.pipeline.remap_work import RemapWork
from riskbridge.pipeline.replay import PLACE, Replay, Replayed
from riskbridge.pipeline.run import Parts, RunPlan, RunReport, make_work
from riskbridge.store.warehouse.warehouse import PublishedRun
from riskbridge.transform.compile import apply
from riskbridge.transform.spec import TransformMap

_OF_RECORDS = ("asset_draft", "detection_draft")
_NO = ibis.literal(value=False)
_TOLD = ("found", "changed", "reopened", "remapped")


@dataclass(frozen=True, slots=True)
class RemapPlan:
    """What is to be mapped anew.

    Attributes:
        run: Names the run; its `observed_at` is the time of the change.
        chain: The staged runs.
        find_stream: Where their rows are.
        before: The map that what is stored was made with.
        newest: The connector's newest published run, a row of RUN.
        read_at: When its source was last read, UTC.
    """

    run: RunPlan
    chain: Chain
    find_stream: FindStream
    before: TransformMap
    newest: dict[str, Any]
    read_at: datetime


def require_before(before: TransformMap | None, connector_name: str) -> TransformMap:
    """The map that what is stored was made with.

    Raises:
        ConfigError: `remap.map-lost`: nobody knows it any more.
    """
    if before is None:
        raise ConfigError(
            f"The map that the findings of '{connector_name}' were made with is not kept any more, or cannot be used.",
            code="remap.map-lost",
            remedy=f"Read anew: riskbridge run {connector_name!r}",
        )
    return before


def remap_once(plan: RemapPlan, parts: Parts, progress: Progress) -> RunReport:
    """Map, identify, follow, score and publish what is staged; asks nobody. A run id that is published is only reported.

    Nothing closes but what the map leaves out now, nothing returns, and what goes on under another identity keeps its
    dates and decisions. Sightings keep the time at which they were read.

    Raises:
        RiskbridgeError: Nothing stored before is changed.
    """
    published = parts.warehouse.find_run(plan.run.run_id)
    if published is not None:
        return RunReport(published, RunOutcome.SUCCEEDED)
    report = RunReport(parts.warehouse.last_run() + 1, RunOutcome.SUCCEEDED)
    sighting = Sighting(report.run, plan.run.observed_at, plan.read_at)
    work = make_work(plan.run, parts, sighting, RemapWork)
    replay = Replay(work, plan.run, parts, parts.transform_map, plan.chain, plan.find_stream, progress, plan.read_at)
    now = replay.run()
    progress.begin(Phase.LIFECYCLE, expected_rows=None)
    versions = work.diff_remapped(now.records, _lineage(plan, parts, work, now))
    _take_details(work, now)
    _take_software(plan, parts, work)
    settle(work, versions)
    progress.end(Phase.LIFECYCLE)
    progress.begin(Phase.SCORE, expected_rows=None)
    catalogue = replay.catalogue() if _differs(plan, parts, VULNERABILITIES.name) else None
    work.enrich(catalogue, parts.feeds, is_catalogue_whole=False)
    work.score(versions)
    _tell_why(work, _label(plan, parts))
    progress.end(Phase.SCORE)
    work.counts["rejects"] = sum(parts.engine.scalar(r.count()) for r in work.changes.rejects)
    progress.begin(Phase.PUBLISH, expected_rows=None)
    parts.warehouse.publish(report.run, _published(plan, parts), work.changes)
    progress.end(Phase.PUBLISH)
    events = parts.warehouse.table(EVENT)
    number = int(parts.engine.scalar(events.filter(events.run == report.run).count()))
    report.counts |= work.counts | {"events": number}
    report.warnings += work.warnings
    return report


def _lineage(plan: RemapPlan, parts: Parts, work: RemapWork, now: Replayed) -> Lineage:
    """What the same rows gave under the map before; where that is the same, nothing needs to be mapped twice."""
    engine, was = parts.engine, now
    if not _is_same(plan.before, parts.transform_map):
        other = make_work(plan.run, parts, work.sighting, RemapWork)
        other.take_stored_links()
        was = Replay(
            other,
            plan.run,
            parts,
            plan.before,
            plan.chain,
            plan.find_stream,
            NoProgress(),
            plan.read_at,
            is_only_keyed=True,
        ).run()
    left = was.places.rename(was_detection_id="detection_id")
    pairs = left.join(now.places, PLACE)
    pairs = pairs.filter(pairs.was_detection_id != pairs.detection_id)
    return Lineage(
        was=was.records.select("detection_id"),
        pairs=engine.materialise(pairs.select("was_detection_id", "detection_id").distinct(), "lineage"),
        label=_label(plan, parts),
        read_at=plan.read_at,
    )


def _is_same(before: TransformMap, after: TransformMap) -> bool:
    """Whether both make the same devices and findings of every stream."""

    def of_records(transform_map: TransformMap) -> list[Any]:
        return [s for s in transform_map.streams if s.target.name in _OF_RECORDS]

    return of_records(before) == of_records(after)


def _differs(plan: RemapPlan, parts: Parts, source: str) -> bool:
    """Whether the maps say other things of a stream."""
    one, other = ([s for s in m.streams if s.source.name == source] for m in (plan.before, parts.transform_map))
    return bool(other) and one != other


def _take_details(work: RemapWork, now: Replayed) -> None:
    if now.details:
        versions = now.details[0] if len(now.details) == 1 else ibis.union(*now.details)
        work.changes.versions[DETECTION_DETAIL.name] = versions
    if work.replaced is not None:
        work.changes.withdrawn[DETECTION_DETAIL.name] = work.replaced.select("detection_id")


def _take_software(plan: RemapPlan, parts: Parts, work: RemapWork) -> None:
    """The newest inventory, where the map says other things of it."""
    run_id, model = plan.chain.software, SOFTWARE_INVENTORY
    stream = plan.find_stream(run_id, model.stream) if run_id is not None else None
    if stream is None or not _differs(plan, parts, model.name):
        return
    raw = parts.engine.read_parquet(stream.parquet_files(), model.staged_types)
    mapped = apply(parts.transform_map.stream(model.name), raw)
    work.changes.rejects.append(parts.engine.materialise(mapped.rejects, "rejects"))
    work.install(mapped.drafts, is_complete=stream.is_complete)


def _tell_why(work: RemapWork, label: str) -> None:
    """Events of findings say that the map changed, and which finding one goes on from, or as.

    A finding that keeps closed detections alone, as the open ones go on as another finding, was not repaired now.
    """
    if work.replaced is None:
        return
    versions = work.changes.versions.get(FINDING.name)
    if versions is not None and IS_FOUND in versions.columns:
        # Nothing was stored, so that their being found would be told without a word of the map.
        work.changes.events.append(finding_events(versions, None, observed_at=work.sighting.observed_at))
        work.changes.versions[FINDING.name] = versions.drop(IS_FOUND)
    moved = work.replaced.filter(work.replaced.finding_id != work.replaced.now_finding_id)
    from_ = replaced_findings(work.replaced).select(heir="finding_id", goes_on_from="was_finding_id")
    as_ = moved.group_by(left="finding_id").agg(goes_on_as=moved.now_finding_id.min())
    told = [work.engine.materialise(_told(e, from_, as_, label), "told") for e in work.changes.events]
    work.changes.events = told
    fixed = sum(int(work.engine.scalar((e.kind == "fixed").sum().fill_null(0))) for e in told)
    remapped = sum(int(work.engine.scalar((e.kind == "remapped").sum().fill_null(0))) for e in told)
    work.counts |= {"findings_fixed": fixed, "findings_remapped": remapped, "findings_moved": 0}


def _told(events: ir.Table, heirs: ir.Table, left: ir.Table, label: str) -> ir.Table:
    rows = events.left_join(heirs, [("subject_id", "heir")]).left_join(left, [("subject_id", "left")])
    is_heir = rows.goes_on_from.notnull() & rows.kind.isin(("found", "moved"))
    is_left = rows.goes_on_as.notnull() & (rows.kind == "fixed")
    shape = r"^severity (\d) to (\d)$"
    is_same = (rows.detail.re_extract(shape, 1) == rows.detail.re_extract(shape, 2)).fill_null(_NO)
    is_empty = is_heir | is_left | (is_same & (rows.kind == "changed"))
    none = ibis.null("string")
    rows = rows.mutate(
        kind=ibis.ifelse(is_heir | is_left, "remapped", rows.kind),
        reason=ibis.ifelse(is_left, none, rows.reason),
        detail=ibis.ifelse(is_empty, none, rows.detail),
        way=ibis.cases(
            (is_heir, ibis.literal(": goes on from finding ") + rows.goes_on_from),
            (is_left, ibis.literal(": goes on as finding ") + rows.goes_on_as),
            else_=none,
        ),
    )
    words = ibis.literal(label) + rows.way.fill_null("")
    is_told = rows.kind.isin(_TOLD)
    return rows.mutate(
        reason=ibis.ifelse(is_told, rows.reason.fill_null(CloseReason.MAP_CHANGED.value), rows.reason),
        detail=ibis.ifelse(is_told, (rows.detail + ibis.literal("; ")).fill_null("") + words, rows.detail),
    ).select(*events.columns)


def _label(plan: RemapPlan, parts: Parts) -> str:
    was, now = plan.before, parts.transform_map
    return f"{was.name}/{was.version} to {now.name}/{now.version}"


def _published(plan: RemapPlan, parts: Parts) -> PublishedRun:
    """As the newest run, whose reading stands, but for the map."""
    newest = plan.newest
    return PublishedRun(
        run_id=plan.run.run_id,
        connector_id=plan.run.connector_id,
        connector_name=plan.run.connector_name,
        observed_at=plan.read_at,
        published_at=parts.now(),
        is_complete=newest["is_complete"],
        scope_hash=newest["scope_hash"],
        map_version=f"{parts.transform_map.name}/{parts.transform_map.version}",
        strategy=REMAP,
        reflects_at=newest["reflects_at"],
        catalogue_at=newest["catalogue_at"],
    )
