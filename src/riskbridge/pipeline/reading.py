"""Reading a run's streams: staged page by page, and mapped in a second thread while the next pages arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import ibis.expr.types as ir

from riskbridge.model.source_model import MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES, SourceModel
from riskbridge.model.target import REJECT
from riskbridge.pipeline.mapping import Keyed, SightingsBuilder, key_devices
from riskbridge.pipeline.progress import Phase, Progress
from riskbridge.pipeline.reconcile import Reconciliation
from riskbridge.staging.stream import PageCursor, StagedPage, StagedStream
from riskbridge.store.engine import DuckDBEngine
from riskbridge.transform.compile import apply
from riskbridge.transform.spec import TransformMap

PAGES_A_BATCH = 12
"""Pages mapped at a time: enough that preparing the statement does not count, few enough to keep up."""


class Source(Protocol):
    """Where rows come from: streams of pages, each page already columns of the stream's data model."""

    def read(self, stream: str, *, filter_text: str | None, resume: PageCursor | None) -> Iterator[StagedPage]:
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
        counts: Rows by phase.
        warnings: Sentences.
        doubts: Why what was not seen may be there all the same, in sentences.
    """

    engine: DuckDBEngine
    source: Source
    open_stream: Callable[[str], StagedStream]
    transform_map: TransformMap
    filters: dict[str, str | None]
    work: Reconciliation
    progress: Progress
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def read_findings(self) -> Keyed:
        """Devices first, whole; then findings, while a second thread identifies the devices and maps what arrives."""
        devices, model = self._read(Phase.MACHINES, MACHINES), MACHINES_VULNERABILITIES
        with ThreadPoolExecutor(1, thread_name_prefix="map") as mapper:
            batches = _Batches(mapper, mapper.submit(self._identify, devices))
            stream = self._read(Phase.FINDINGS, model, batches.take)
            builder = batches.finish(stream)
        self._take_rejects(stream)
        keyed = builder.finish()
        if builder.out_of_scope:
            self.counts["findings_out_of_scope"] = builder.out_of_scope
            self.warnings.append(
                f"{builder.out_of_scope:,} findings of devices outside the device filter were left out: Defender cannot "
                "filter findings by their device's attributes, so all of them were read."
            )
        if keyed.moved and stream.reconciliation().server_count is None:
            self.doubts.append(
                f"{keyed.moved:,} rows of {model.stream} came on two pages: the list moved while it was read, so others "
                "may have been passed over."
            )
        return keyed

    def read_catalogue(self) -> ir.Table | None:
        """The CVE catalogue; None when the source gave none."""
        stream = self._read(Phase.CATALOGUE, VULNERABILITIES)
        return self._mapped(VULNERABILITIES, stream) if stream.received else None

    def _identify(self, stream: StagedStream) -> SightingsBuilder:
        """Findings need the assets they belong to, so this comes before any of them is mapped."""
        self.progress.begin(Phase.MAP, expected_rows=stream.received)
        devices = key_devices(self.engine, self._mapped(MACHINES, stream), self.work.connector_id)
        self.progress.end(Phase.MAP)
        self.progress.begin(Phase.IDENTIFY, expected_rows=None)
        self.work.identify(devices)
        self.progress.end(Phase.IDENTIFY)
        model = MACHINES_VULNERABILITIES
        return self.work.begin_sightings(
            self.transform_map.stream(model.name),
            model.staged_types,
            is_scoped=self.filters.get(MACHINES.stream) is not None,
        )

    def _read(
        self, phase: Phase, model: SourceModel, is_staged: Callable[[StagedStream], None] = lambda _: None
    ) -> StagedStream:
        self.progress.begin(phase, expected_rows=None)
        stream = self.open_stream(model.stream)
        if not stream.is_closed:
            pages = self.source.read(model.stream, filter_text=self.filters.get(model.stream), resume=stream.cursor())
            for page in pages:
                stream.append(page)
                self.progress.advance(phase, page.received)
                is_staged(stream)
            stream.close()
        self.counts[f"rows_{phase}"] = stream.received
        if not stream.is_complete:
            why = "; ".join(stream.closing()["reconciliation"]["reasons"])
            self.doubts.append(f"{model.stream} was not read completely: {why}.")
        if stream.unknown_fields:
            names = ", ".join(stream.unknown_fields[:10])
            self.warnings.append(f"{model.stream} has fields that the data model does not know: {names}.")
        self.progress.end(phase)
        return stream

    def _mapped(self, model: SourceModel, stream: StagedStream) -> ir.Table:
        raw = self.engine.read_parquet(stream.parquet_files(), model.staged_types)
        result = apply(self.transform_map.stream(model.name), raw)
        self.work.changes.rejects.append(self.engine.materialise(result.rejects, "rejects"))
        self._take_rejects(stream)
        return result.drafts

    def _take_rejects(self, stream: StagedStream) -> None:
        files = stream.reject_files()
        if files:
            self.work.changes.rejects.append(self.engine.read_parquet(files, REJECT.types))


class _Batches:
    """Hands staged files to the builder, several at a time, in the one other thread, once that thread has made it."""

    def __init__(self, mapper: ThreadPoolExecutor, builder: Future[SightingsBuilder]) -> None:
        self._mapper = mapper
        self._builder = builder
        self._taken = 0
        self._pending: Future[Any] = builder

    def take(self, stream: StagedStream) -> None:
        """Map what is staged and not yet taken, once it is enough and the former batch is done."""
        if self._pending.done() and len(stream.manifest()) - self._taken >= PAGES_A_BATCH:
            self._submit(stream)

    def finish(self, stream: StagedStream) -> SightingsBuilder:
        """Map the rest, wait for it, and give the builder."""
        self._submit(stream)
        self._pending.result()
        return self._builder.result()

    def _submit(self, stream: StagedStream) -> None:
        self._pending.result()
        lines = stream.manifest()[self._taken :]
        self._taken += len(lines)
        files = stream.parquet_files(lines)
        if files:
            self._pending = self._mapper.submit(self._builder.result().add, files, sum(line.rows for line in lines))
