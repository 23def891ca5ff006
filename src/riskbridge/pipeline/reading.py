"""Reading a run's streams: staged page by page, and mapped in a second thread while the next pages arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import ibis.expr.types as ir

from riskbridge.errors import RiskbridgeError
from riskbridge.model.connector import Strategy
from riskbridge.model.source_model import (
    MACHINES,
    MACHINES_VULNERABILITIES,
    SOFTWARE_INVENTORY,
    VULNERABILITIES,
    SourceModel,
)
from riskbridge.model.target import DETECTION_DETAIL_DRAFT, DETECTION_DRAFT, REJECT
from riskbridge.pipeline.mapping import Keyed, SightingsBuilder, key_devices
from riskbridge.pipeline.progress import Phase, Progress
from riskbridge.pipeline.reconcile import Reconciliation
from riskbridge.pipeline.strategy import Choice, History, choose
from riskbridge.source.protocol import SnapshotChangedError
from riskbridge.staging.reconcile import Reconciliation as Completeness
from riskbridge.staging.spool import Spool
from riskbridge.staging.stream import PageCursor, StagedPage, StagedStream
from riskbridge.store.engine import DuckDBEngine
from riskbridge.transform.compile import apply, drafts_of
from riskbridge.transform.spec import TransformMap

MOST_LOOKS = 2
"""Readings of a list that moves: when rows changed places in the last one too, it is not called complete."""
MOST_SNAPSHOTS = 4
"""Snapshots begun before a reading that never ends within one is given up."""
MOST_STRANGERS = 0.05
"""Share of findings of unknown devices from which the list of devices is taken to be cut."""
NOT_OFFERED = ("defender.not-found", "defender.forbidden", "defender.missing-licence")
"""What a tenant without the endpoint answers."""
PAGES_A_BATCH, MOST_PAGES_A_BATCH = 12, 24
"""Pages mapped at a time: enough that preparing the statement does not count, few enough that little is left at the end."""


class Source(Protocol):
    """Where rows come from: streams of pages, each page already columns of the stream's data model."""

    def read(
        self,
        stream: str,
        *,
        filter_text: str | None,
        resume: PageCursor | None,
        since: datetime | None = None,
        spool: Spool | None = None,
    ) -> Iterator[StagedPage]:
        """Pages in order, from the cursor on; raises the errors of `riskbridge.errors`."""


@dataclass(slots=True)
class Reading:
    """The streams of one run, read in order.

    Attributes:
        engine: Executes; used by one thread at a time.
        source: Where pages come from.
        open_stream: Gives the staged stream of a name.
        transform_map: How rows are mapped.
        filters: OData text by stream.
        work: Takes devices as soon as they are read.
        progress: Told of every page.
        wanted: How the profile wants findings fetched.
        history: What is stored of earlier readings; None before the first.
        observed_at: When the run began, UTC.
        counts: Rows by phase.
        warnings: Sentences.
        doubts: Why what was not seen may be there all the same, in sentences.
        evidence: How each stream was read and what speaks for its being complete, as plain data.
        reflects_at: The moment that the findings are of, UTC.
        strategy: How findings were fetched.
        is_replay: The streams were read before, and are taken as they are staged.
        expected: Rows by stream, as the last reading had them.
    """

    engine: DuckDBEngine
    source: Source
    open_stream: Callable[[str], StagedStream]
    transform_map: TransformMap
    filters: dict[str, str | None]
    work: Reconciliation
    progress: Progress
    wanted: Strategy
    history: History | None
    observed_at: datetime
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    evidence: list[dict[str, object]] = field(default_factory=list)
    reflects_at: datetime | None = None
    strategy: Strategy = Strategy.PAGED
    is_replay: bool = False
    expected: Mapping[str, int] = field(default_factory=dict)

    @property
    def way(self) -> str:
        """The one word for how findings were fetched."""
        return self.strategy.value

    def read_findings(self) -> Keyed:
        """Devices first, whole; then findings, while a second thread identifies the devices and maps what arrives."""
        devices = self._read_devices()
        choice = choose(
            self.wanted,
            self.history,
            devices=devices.received,
            has_device_filter=self.filters.get(MACHINES.stream) is not None,
            finding_filter=self.filters.get(MACHINES_VULNERABILITIES.stream),
            observed_at=self.observed_at,
        )
        self.progress.begin(Phase.MAP, expected_rows=devices.received)
        with self._leaving_room(), ThreadPoolExecutor(1, thread_name_prefix="map") as mapper:
            identified = mapper.submit(self._identify, devices)
            try:
                keyed = self._read_by(choice, mapper, identified)
            except RiskbridgeError as error:
                if not choice.may_fall_back or error.code not in NOT_OFFERED:
                    raise
                why = f"the tenant does not offer {choice.strategy.value}: {error.message}"
                self.warnings.append(f"Findings were read page by page: {why}")
                keyed = self._read_by(Choice(Strategy.PAGED, why), mapper, identified)
        self.progress.end(Phase.MAP)
        return keyed

    @contextmanager
    def _leaving_room(self) -> Iterator[None]:
        """A processor is left to reading, which takes more time than mapping does."""
        self.engine.leave_room(is_left=True)
        try:
            yield
        finally:
            self.engine.leave_room(is_left=False)

    def read_software(self) -> None:
        """What is installed; a tenant that does not let it be read is told of, and costs nothing else."""
        try:
            stream = self._read(Phase.SOFTWARE, SOFTWARE_INVENTORY)
        except RiskbridgeError as error:
            if error.code not in (*NOT_OFFERED, "defender.missing-role"):
                raise
            self.warnings.append(f"The software inventory was not read: {error.message} {error.remedy}")
            return
        verdict = stream.reconciliation()
        self._judge_besides(SOFTWARE_INVENTORY, stream, verdict)
        drafts = self._drafts(SOFTWARE_INVENTORY, stream)
        self._refuse(SOFTWARE_INVENTORY, stream, int(self.engine.scalar(drafts.count())))
        self.work.install(drafts, is_complete=verdict.is_complete)

    def read_catalogue(self, since: datetime | None) -> ir.Table | None:
        """The CVE catalogue, or its entries updated since then; None when the source gave none."""
        stream = self._read(Phase.CATALOGUE, VULNERABILITIES, since=since)
        self._tell(VULNERABILITIES, stream, stream.reconciliation())
        if not stream.received:
            return None
        drafts = self.engine.materialise(self._drafts(VULNERABILITIES, stream), "catalogue")
        self._refuse(VULNERABILITIES, stream, int(self.engine.scalar(drafts.count())))
        return drafts

    def _read_by(self, choice: Choice, mapper: ThreadPoolExecutor, identified: Future[None]) -> Keyed:
        self.strategy = choice.strategy
        if choice.strategy is Strategy.DELTA:
            return self._read_changes(choice, identified)
        return self._read_whole(choice, mapper, identified)

    def _read_devices(self) -> StagedStream:
        """Devices, from the beginning once more when the list moved while it was read."""
        while True:
            stream = self._read(Phase.MACHINES, MACHINES)
            verdict = self._verdict_of_devices(stream)
            if verdict.is_complete or self.is_replay or stream.looks >= MOST_LOOKS:
                self._judge(MACHINES, stream, verdict)
                return stream
            stream.restart()

    def _read_whole(self, choice: Choice, mapper: ThreadPoolExecutor, identified: Future[None]) -> Keyed:
        """All findings; from the beginning once more when the list moved, or a newer snapshot took its place."""
        model = choice.model
        while True:
            batches = _Batches(
                self.engine, mapper, mapper.submit(self._begin_sightings, model, identified), self.progress
            )
            try:
                stream = self._read(Phase.FINDINGS, model, is_staged=batches.take)
            except SnapshotChangedError:
                batches.give_up()
                stream = self.open_stream(model.stream)
                if stream.looks >= MOST_SNAPSHOTS:
                    raise
                stream.restart()
                continue
            builder = batches.finish(stream)
            keyed = builder.finish()
            rows = sum(line.rows for line in stream.manifest())
            verdict = stream.reconciliation(distinct_ids=rows - keyed.moved if keyed.moved else None)
            if verdict.is_complete or self.is_replay or stream.looks >= MOST_LOOKS:
                break
            stream.restart()
        known_at, snapshot_at = self._known_at(), stream.snapshot_at
        if choice.strategy is not Strategy.PAGED and known_at and snapshot_at and snapshot_at < known_at:
            return self._keep_what_is_known(choice, stream, verdict, snapshot_at, known_at)
        self._judge(model, stream, verdict, choice=choice)
        self._take_rejects(stream)
        self._tell_left_out(builder)
        self._tell_strangers(stream, keyed)
        self._take_details(model, stream, keyed.records)
        self.reflects_at = self.observed_at if choice.strategy is Strategy.PAGED else stream.snapshot_at
        return keyed

    def _known_at(self) -> datetime | None:
        return self.history.reflects_at if self.history is not None else None

    def _keep_what_is_known(
        self, choice: Choice, stream: StagedStream, verdict: Completeness, snapshot_at: datetime, known_at: datetime
    ) -> Keyed:
        """A snapshot from before the last reading has no news; taking it would undo what was read since."""
        why = f"the snapshot is of {snapshot_at:%Y-%m-%d %H:%M} UTC, before what is stored ({known_at:%H:%M})"
        self._judge(choice.model, stream, verdict, choice=replace(choice, why=why))
        self.warnings.append(f"Findings were left as they are: {why}. Defender makes a new one every six hours.")
        # Not a whole reading of its own: what is stored stays what later changes are applied to.
        self.strategy, self.reflects_at = Strategy.DELTA, known_at
        return Keyed(self.work.stored_sightings(), [])

    def _read_changes(self, choice: Choice, identified: Future[None]) -> Keyed:
        """Changes, folded into what is stored."""
        model = choice.model
        while True:
            try:
                stream = self._read(Phase.FINDINGS, model, since=choice.since)
                break
            except SnapshotChangedError:
                stream = self.open_stream(model.stream)
                if stream.looks >= MOST_SNAPSHOTS:
                    raise
                stream.restart()
        identified.result()
        self._judge(model, stream, stream.reconciliation(), choice=choice)
        self._take_rejects(stream)
        raw = self.engine.read_parquet(stream.parquet_files(), model.staged_types)
        self.progress.expect(Phase.MAP, stream.received)
        folded = self.work.fold(self.transform_map.stream(model.name, DETECTION_DRAFT.name), raw, choice.floor)
        self.progress.advance(Phase.MAP, stream.received)
        self.work.said_fixed = folded.said_fixed
        self.counts["changes"] = folded.number
        self._take_details(model, stream, folded.came)
        known = self.history.reflects_at if self.history is not None else self.observed_at
        self.reflects_at = known if folded.last_at is None else max(known, folded.last_at)
        return Keyed(folded.records, folded.rejects)

    def _identify(self, stream: StagedStream) -> None:
        """Findings need the assets they belong to, so this comes before any of them is mapped."""
        devices = key_devices(self.engine, self._drafts(MACHINES, stream), self.work.connector_id)
        self._refuse(
            MACHINES, stream, sum(int(self.engine.scalar(t.count())) for t in (devices.records, *devices.rejects))
        )
        self.progress.advance(Phase.MAP, stream.received)
        self.progress.begin(Phase.IDENTIFY, expected_rows=None)
        self.work.identify(devices)
        self.progress.end(Phase.IDENTIFY)

    def _begin_sightings(self, model: SourceModel, identified: Future[None]) -> SightingsBuilder:
        identified.result()
        return self.work.begin_sightings(
            self.transform_map.stream(model.name, DETECTION_DRAFT.name),
            model.staged_types,
            is_scoped=self.filters.get(MACHINES.stream) is not None,
        )

    def _read(
        self,
        phase: Phase,
        model: SourceModel,
        *,
        is_staged: Callable[[StagedStream], None] = lambda _: None,
        since: datetime | None = None,
    ) -> StagedStream:
        stream = self.open_stream(model.stream)
        expected = None if since is not None else self.expected.get(model.stream)
        self.progress.begin(phase, expected_rows=expected, done_rows=stream.received)
        if not stream.is_closed:
            pages = self.source.read(
                model.stream,
                filter_text=self.filters.get(model.stream),
                resume=stream.cursor(),
                since=since,
                spool=stream.spool,
            )
            for page in pages:
                stream.append(page)
                self.progress.advance(phase, page.received)
                is_staged(stream)
            stream.close(evidence=self._evidence_of(model))
        self.counts[f"rows_{phase}"] = stream.received
        self.progress.end(phase)
        return stream

    def _evidence_of(self, model: SourceModel) -> dict[str, object]:  # noqa: ARG002 - sources of another kind have some
        """What the source itself keeps of a stream that was read to its end."""
        return {}

    def _verdict_of_devices(self, stream: StagedStream) -> Completeness:
        """Whether the list of devices was read completely; over several pages its ids are counted."""
        if len(stream.manifest()) == 1:
            return stream.reconciliation()
        raw = self.engine.read_parquet(stream.parquet_files(), MACHINES.staged_types)
        return stream.reconciliation(distinct_ids=int(self.engine.scalar(raw["id"].nunique())))

    def _judge_besides(self, model: SourceModel, stream: StagedStream, verdict: Completeness) -> None:
        """As `_judge`, for a stream that no finding hangs on: its gaps are told and keep nothing else from closing."""
        self._tell(model, stream, verdict)
        if not verdict.is_complete:
            self.warnings.append(f"{model.stream} was not read completely: {'; '.join(verdict.reasons)}.")

    def _judge(
        self, model: SourceModel, stream: StagedStream, verdict: Completeness, *, choice: Choice | None = None
    ) -> None:
        self._tell(model, stream, verdict, choice)
        if not verdict.is_complete:
            looked = f" in {stream.looks} readings" if stream.looks > 1 else ""
            self.doubts.append(f"{model.stream} was not read completely{looked}: {'; '.join(verdict.reasons)}.")
        if stream.unknown_fields:
            names = ", ".join(stream.unknown_fields[:10])
            self.warnings.append(f"{model.stream} has fields that the data model does not know: {names}.")

    def _tell(
        self, model: SourceModel, stream: StagedStream, verdict: Completeness, choice: Choice | None = None
    ) -> None:
        how = {} if choice is None else {"strategy": choice.strategy.value, "why": choice.why}
        snapshot_at = stream.snapshot_at
        self.evidence.append(
            {"stream": model.stream, **how, "looks": stream.looks, **asdict(verdict), "reasons": list(verdict.reasons)}
            | ({"snapshot_at": snapshot_at.isoformat()} if snapshot_at else {})
            | dict(stream.closing().get("evidence", {}))
        )

    def _tell_left_out(self, builder: SightingsBuilder) -> None:
        if builder.passed_over:
            self.counts["rows_without_cve"] = builder.passed_over
        if builder.out_of_scope:
            self.counts["findings_out_of_scope"] = builder.out_of_scope
            self.warnings.append(
                f"{builder.out_of_scope:,} findings of devices outside the device filter were left out: Defender cannot "
                "filter findings by their device's attributes, so all of them were read."
            )

    def _tell_strangers(self, stream: StagedStream, keyed: Keyed) -> None:
        """Many findings of devices that the list lacks mean that it does not show all devices."""
        unknown = sum(
            int(self.engine.scalar(rows.filter(rows.reason == "device-unknown").count())) for rows in keyed.rejects
        )
        if unknown > stream.received * MOST_STRANGERS:
            self.warnings.append(
                f"{unknown:,} of {stream.received:,} findings are of devices that the list of devices lacks. The application "
                "may see some device groups alone: in Defender, check which groups its role covers."
            )

    def _take_details(self, model: SourceModel, stream: StagedStream, seen: ir.Table) -> None:
        maps = [m for m in self.transform_map.streams if m.source is model and m.target is DETECTION_DETAIL_DRAFT]
        if maps:
            raw = self.engine.read_parquet(stream.parquet_files(), model.staged_types)
            self.work.detail(maps[0], raw, seen)

    def _drafts(self, model: SourceModel, stream: StagedStream) -> ir.Table:
        raw = self.engine.read_parquet(stream.parquet_files(), model.staged_types)
        return drafts_of(self.transform_map.stream(model.name), raw)

    def _refuse(self, model: SourceModel, stream: StagedStream, taken: int) -> None:
        """Keep the rows that became no draft, where so many did, with their reasons."""
        if taken != stream.rows:
            raw = self.engine.read_parquet(stream.parquet_files(), model.staged_types)
            rejects = apply(self.transform_map.stream(model.name), raw).rejects
            self.work.changes.rejects.append(self.engine.materialise(rejects, "rejects"))
        self._take_rejects(stream)

    def _take_rejects(self, stream: StagedStream) -> None:
        files = stream.reject_files()
        if files:
            self.work.changes.rejects.append(self.engine.read_parquet(files, REJECT.types))


class _Batches:
    """Hands staged files to the builder, several at a time, in the one other thread, once that thread has made it."""

    def __init__(
        self,
        engine: DuckDBEngine,
        mapper: ThreadPoolExecutor,
        builder: Future[SightingsBuilder],
        progress: Progress,
    ) -> None:
        self._engine = engine
        self._mapper = mapper
        self._builder = builder
        self._progress = progress
        self._told = 0
        self._taken = 0
        self._pending: Future[Any] = builder

    def take(self, stream: StagedStream) -> None:
        """Map what is staged and not yet taken, once it is enough and the former batch is done."""
        self._expect(stream)
        if self._pending.done() and len(stream.manifest()) - self._taken >= PAGES_A_BATCH:
            self._submit(stream, MOST_PAGES_A_BATCH)

    def give_up(self) -> None:
        """Wait for what is under way; nobody wants its result."""
        with suppress(RiskbridgeError):
            self._pending.result()

    def finish(self, stream: StagedStream) -> SightingsBuilder:
        """Map the rest, wait for it, and give the builder."""
        self._expect(stream)
        room = self._mapper.submit(self._engine.leave_room, is_left=False)
        self._submit(stream, len(stream.manifest()))
        room.result()
        self._pending.result()
        return self._builder.result()

    def _submit(self, stream: StagedStream, most: int) -> None:
        self._pending.result()
        lines = stream.manifest()[self._taken :][:most]
        self._taken += len(lines)
        files = stream.parquet_files(lines)
        if files:
            self._pending = self._mapper.submit(self._map, files, sum(line.rows for line in lines))

    def _map(self, files: Sequence[Path], rows: int) -> None:
        self._builder.result().add(files, rows)
        self._progress.advance(Phase.MAP, rows)

    def _expect(self, stream: StagedStream) -> None:
        rows = stream.rows - self._told
        if rows:
            self._told += rows
            self._progress.expect(Phase.MAP, rows)
