"""Staged rows read again as they were, under any map: the same computation as a run's, and nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NoReturn

import ibis
import ibis.expr.types as ir

from riskbridge.errors import FatalError
from riskbridge.model.connector import RunOutcome, Strategy
from riskbridge.model.source_model import MACHINES, VULNERABILITIES, VULNERABILITY_CHANGES
from riskbridge.model.target import DETECTION_DETAIL, DETECTION_DETAIL_DRAFT, DETECTION_DRAFT
from riskbridge.pipeline.chain import Chain, FindStream, Step
from riskbridge.pipeline.changes import fold_changes
from riskbridge.pipeline.details import new_details
from riskbridge.pipeline.mapping import SEEN, Keyed
from riskbridge.pipeline.progress import Progress
from riskbridge.pipeline.reading import PAGES_A_BATCH
from riskbridge.pipeline.remap_work import RemapWork
from riskbridge.pipeline.run import Parts, RunPlan, RunReport, begin_reading
from riskbridge.pipeline.strategy import Choice
from riskbridge.staging.stream import StagedStream
from riskbridge.transform.compile import apply
from riskbridge.transform.spec import TransformMap

PLACE = ("step", "raw_page", "raw_row")


class Nobody:
    """A source that is never asked."""

    def read(self, stream: str, **_: Any) -> Iterator[NoReturn]:
        """Raise: what was not staged is not read now.

        Raises:
            FatalError: `remap.not-staged`.
        """
        raise FatalError(
            f"The rows of {stream} are not staged to their end.",
            code="remap.not-staged",
            remedy="Read anew with: riskbridge run NAME",
        )


@dataclass(slots=True)
class Replayed:
    """What the staged rows give under a map.

    Attributes:
        records: One row a detection: `SEEN`.
        places: `detection_id` of every raw row that gave one: it and `PLACE`.
        details: DETECTION_DETAIL rows that differ from the stored ones.
    """

    records: ir.Table
    places: ir.Table
    details: list[ir.Table] = field(default_factory=list)


@dataclass(slots=True)
class Replay:
    """The replay of a chain under one map.

    Attributes:
        work: Takes devices, links and rejects, or only gives them; one of its own for each map.
        plan: The run.
        parts: What it works with.
        transform_map: The map.
        chain: The staged runs.
        find_stream: Where their rows are.
        progress: Told of the phases.
        observed_at: The newest reading's time, UTC.
    """

    work: RemapWork
    plan: RunPlan
    parts: Parts
    transform_map: TransformMap
    chain: Chain
    find_stream: FindStream
    progress: Progress
    observed_at: datetime
    is_only_keyed: bool = False
    """Devices are those that are stored, and details are left out: for what was published with that map before."""

    def run(self) -> Replayed:
        """Devices, then the findings of each step in order, each over what those before gave."""
        found: Replayed | None = None
        for number, step in enumerate(self.chain.steps):
            whole = self._keyed if self.is_only_keyed else self._whole
            after = whole(number, step) if step.is_whole else None
            found = after if found is None else self._after(found, number, step, after)
        if found is None:
            raise RuntimeError("a chain begins with a whole reading")
        return found

    def catalogue(self) -> ir.Table | None:
        """CVE drafts of the staged catalogue, the newest word of each CVE; None where nothing is staged of it."""
        drafts: ir.Table | None = None
        for run_id in self.chain.catalogue:
            stream = self._open(run_id, VULNERABILITIES.stream)
            raw = self.work.engine.read_parquet(stream.parquet_files(), VULNERABILITIES.staged_types)
            mapped = apply(self.transform_map.stream(VULNERABILITIES.name), raw)
            fresh = self.work.engine.materialise(mapped.drafts, "catalogue")
            drafts = fresh if drafts is None else drafts.anti_join(fresh, "cve_id").union(fresh)
        return drafts

    def _keyed(self, number: int, step: Step) -> Replayed:
        """The findings of a whole reading with their keys alone."""
        files = self.plan.files
        model = Choice(Strategy(step.strategy), "it was").model if files is None else files.findings
        stream_map = self.transform_map.stream(model.name, DETECTION_DRAFT.name)
        builder = self.work.begin_sightings(stream_map, model.staged_types, may_repeat=files is not None)
        stream = self._open(step.run_id, model.stream)
        lines = [line for line in stream.manifest() if line.rows]
        for start in range(0, len(lines), PAGES_A_BATCH):
            batch = lines[start : start + PAGES_A_BATCH]
            builder.add(stream.parquet_files(batch), sum(line.rows for line in batch))
        return _placed(builder.finish(), number)

    def _whole(self, number: int, step: Step) -> Replayed:
        strategy = Strategy(step.strategy) if self.plan.files is None else self.plan.strategy
        parts = replace(
            self.parts,
            source=Nobody(),
            open_stream=lambda stream: self._open(self._run_of(step, stream), stream),
            transform_map=self.transform_map,
            files=None,
        )
        plan = replace(self.plan, strategy=strategy, observed_at=self.observed_at)
        nothing = RunReport(0, RunOutcome.SUCCEEDED)
        reading = begin_reading(plan, parts, self.work, self.progress, None, nothing)
        reading.is_replay = True
        keyed = reading.read_findings()
        self.work.changes.rejects += keyed.rejects
        details = self.work.changes.versions.pop(DETECTION_DETAIL.name, None)
        return replace(_placed(keyed, number), details=[] if details is None else [details])

    def _after(self, before: Replayed, number: int, step: Step, whole: Replayed | None) -> Replayed:
        """What is there after another step: a later whole reading that was cut short adds, changes replace."""
        engine = self.work.engine
        now = whole if whole is not None else self._changes(before, number, step)
        records = now.records
        if whole is not None:
            records = before.records.anti_join(now.records, "detection_id").union(now.records)
        details = [d.anti_join(n, "detection_id") for d in before.details for n in now.details[:1] or [d.limit(0)]]
        return Replayed(
            engine.materialise(records, "replayed"), before.places.union(now.places), [*details, *now.details]
        )

    def _changes(self, before: Replayed, number: int, step: Step) -> Replayed:
        engine, work, model = self.work.engine, self.work, VULNERABILITY_CHANGES
        stream = self._open(step.run_id, model.stream)
        raw = engine.read_parquet(stream.parquet_files(), model.staged_types)
        current = before.records.mutate(state=ibis.literal("open"))
        stream_map = self.transform_map.stream(model.name, DETECTION_DRAFT.name)
        folded = fold_changes(engine, stream_map, raw, work.links, current, work.connector_id, step.floor)
        work.changes.rejects += folded.rejects
        details: list[ir.Table] = []
        for maps in (m for m in self.transform_map.streams if m.source is model and not self.is_only_keyed):
            if maps.target is DETECTION_DETAIL_DRAFT:
                stored = work.warehouse.current(DETECTION_DETAIL)
                details.append(new_details(engine, maps, raw, folded.came, stored))
        places = folded.came.select("detection_id", "raw_page", "raw_row", step=ibis.literal(number, "int64"))
        return Replayed(folded.records.select(*SEEN), places, details)

    def _run_of(self, step: Step, stream: str) -> str:
        """Devices are those of the newest list, whichever step is replayed."""
        return self.chain.devices or step.run_id if stream == MACHINES.stream else step.run_id

    def _open(self, run_id: str, stream: str) -> StagedStream:
        found = self.find_stream(run_id, stream)
        if found is None:
            Nobody().read(stream)
            raise RuntimeError(stream)
        return found


def _placed(keyed: Keyed, number: int) -> Replayed:
    places = keyed.records if keyed.places is None else keyed.places
    step = ibis.literal(number, "int64")
    return Replayed(keyed.records.select(*SEEN), places.select("detection_id", "raw_page", "raw_row", step=step))
