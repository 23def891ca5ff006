"""Reading a run's files: whole, with their hashes as evidence; devices come from files of their own, from findings, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir

from riskbridge.model.source_model import MACHINES, SourceModel
from riskbridge.model.target import ASSET_DRAFT, DETECTION_DRAFT, REJECT
from riskbridge.pipeline.mapping import Keyed, SightingsBuilder, key_devices
from riskbridge.pipeline.progress import Phase
from riskbridge.pipeline.reading import MOST_LOOKS, PAGES_A_BATCH, Reading
from riskbridge.source.protocol import SnapshotChangedError
from riskbridge.staging.stream import StagedStream
from riskbridge.transform.compile import apply
from riskbridge.transform.rows import column_of

WAY = "file"
"""How findings were fetched, as a run's record says it."""
_ROWS_A_PAGE = 1 << 32


class FileRecords(Protocol):
    """What a source of files knows besides its pages."""

    def files(self, stream: str) -> list[dict[str, Any]]:
        """Of each file of a stream that was read to its end: `name`, `size_bytes`, `modified_at`, `sha256`, `rows`, `refused`."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a run of files reads.

    Attributes:
        findings: Data model of the findings' rows.
        assets: Data model of the devices' rows; None where findings say all there is of devices.
        known: Name to SHA-256 of the files that the last published run read.
        scope: What of the settings closings by absence depend on, as one text.
    """

    findings: SourceModel
    assets: SourceModel | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    scope: str = ""


@dataclass(slots=True)
class FileReading(Reading):
    """The files of one run, read in order; see `Reading`.

    Attributes:
        plan: Which.
        records: Their evidence.
    """

    plan: FilePlan = FilePlan(MACHINES)
    records: FileRecords | None = None

    @property
    def way(self) -> str:
        """Always `file`."""
        return WAY

    def read_findings(self) -> Keyed:
        """Files of devices first, then those of findings; then devices are identified and findings mapped."""
        plan = self.plan
        assets = self._read_files(Phase.MACHINES, plan.assets) if plan.assets is not None else None
        findings = self._read_files(Phase.FINDINGS, plan.findings)
        self._identify_hosts(assets, findings)
        builder = self._sightings(findings)
        keyed = builder.finish()
        self._judge(plan.findings, findings, findings.reconciliation())
        self._take_rejects(findings)
        self._tell_left_out(builder)
        self._tell_strangers(findings, keyed)
        self.work.said_fixed = builder.told_fixed(findings.parquet_files())
        self._take_details(plan.findings, findings, keyed.records)
        self._judge_files(assets, findings)
        self.reflects_at = max((at for at in map(_written_at, (findings, assets)) if at), default=self.observed_at)
        return keyed

    def read_software(self) -> None:
        """Files tell of no software."""

    def read_catalogue(self, since: datetime | None) -> ir.Table | None:  # noqa: ARG002 - nothing to ask
        """None: facts of CVEs come from feeds and from Defender."""
        return None

    def _read_files(self, phase: Phase, model: SourceModel) -> StagedStream:
        """The files of a stream; from the beginning once more where they changed after a kill."""
        while True:
            try:
                return self._read(phase, model)
            except SnapshotChangedError:
                stream = self.open_stream(model.stream)
                if stream.looks >= MOST_LOOKS:
                    raise
                stream.restart()

    def _evidence_of(self, model: SourceModel) -> dict[str, object]:
        return {"files": self.records.files(model.stream)} if self.records is not None else {}

    def _identify_hosts(self, assets: StagedStream | None, findings: StagedStream) -> None:
        """Devices of their own files, and those that findings alone name."""
        of_assets = assets.rows if assets is not None else 0
        self.progress.begin(Phase.MAP, expected_rows=of_assets + findings.rows)
        rejects: list[ir.Table] = []
        drafts: ir.Table | None = None
        if assets is not None and self.plan.assets is not None:
            self._judge(self.plan.assets, assets, assets.reconciliation())
            drafts = self._mapped_hosts(self.plan.assets, assets, rejects)
            self._take_rejects(assets)
        if any(m.source == self.plan.findings and m.target is ASSET_DRAFT for m in self.transform_map.streams):
            # Rows without a device are refused as findings; to refuse them here too would tell of them twice.
            named = self._mapped_hosts(self.plan.findings, findings, [])
            drafts = named if drafts is None else drafts.union(named.anti_join(drafts, "external_asset_id"))
        if drafts is None:
            drafts = self.engine.empty(ASSET_DRAFT.types)
        keyed = key_devices(self.engine, _once(self.engine.materialise(drafts, "hosts")), self.work.connector_id)
        self.progress.advance(Phase.MAP, of_assets)
        self.progress.begin(Phase.IDENTIFY, expected_rows=None)
        self.work.identify(Keyed(keyed.records, [*rejects, *keyed.rejects]))
        self.progress.end(Phase.IDENTIFY)

    def _mapped_hosts(self, model: SourceModel, stream: StagedStream, rejects: list[ir.Table]) -> ir.Table:
        """Drafts of the devices that a stream's rows name, each from its first row; a device may be in any number of them."""
        stream_map = self.transform_map.stream(model.name, ASSET_DRAFT.name)
        raw = self.engine.read_parquet(stream.parquet_files(), model.staged_types)
        read = (path for row in stream_map.rows for path in row.sources)
        names = sorted({column_of(path, model.staged_types) for path in read})
        place = (raw.page * _ROWS_A_PAGE + raw.row).min()
        told = self.engine.materialise(raw.group_by(names).agg(place=place), "told_hosts")
        rows = told.mutate(page=(told.place / _ROWS_A_PAGE).floor().cast("int64"), row=told.place % _ROWS_A_PAGE)
        mapped = apply(stream_map, self.engine.materialise(rows.drop("place"), "host_rows"))
        rejects.append(self.engine.materialise(mapped.rejects.select(*REJECT.names), "rejects"))
        return mapped.drafts

    def _sightings(self, findings: StagedStream) -> SightingsBuilder:
        model = self.plan.findings
        builder = self.work.begin_sightings(
            self.transform_map.stream(model.name, DETECTION_DRAFT.name), model.staged_types, may_repeat=True
        )
        lines = [line for line in findings.manifest() if line.rows]
        for start in range(0, len(lines), PAGES_A_BATCH):
            batch = lines[start : start + PAGES_A_BATCH]
            rows = sum(line.rows for line in batch)
            builder.add(findings.parquet_files(batch), rows)
            self.progress.advance(Phase.MAP, rows)
        self.progress.end(Phase.MAP)
        return builder

    def _tell_left_out(self, builder: SightingsBuilder) -> None:
        counts = {"rows_left_out": builder.passed_over, "rows_repeated": builder.repeated}
        self.counts |= {name: number for name, number in counts.items() if number}

    def _judge_files(self, assets: StagedStream | None, findings: StagedStream) -> None:
        """What speaks against closing by absence, and what a person should know, of the files themselves."""
        read = {str(f["name"]): f for s in (assets, findings) if s is not None for f in _files(s)}
        gone = sorted(set(self.plan.known) - set(read))
        hashes = {str(f["sha256"]) for f in read.values()}
        unread = [name for name in gone if self.plan.known[name] not in hashes]
        if unread and len(read) < len(self.plan.known):
            names = ", ".join(unread[:5])
            self.doubts.append(
                f"The last run read {len(self.plan.known)} files and this one {len(read)}: without {names}."
            )
        if self.history is not None and not findings.received:
            self.doubts.append("The files hold no finding at all.")
        written_at, known_at = _written_at(findings), self.history.reflects_at if self.history is not None else None
        if written_at and known_at and written_at < known_at:
            self.doubts.append(
                f"The files were written at {written_at:%Y-%m-%d %H:%M} UTC, before those that were read last "
                f"({known_at:%Y-%m-%d %H:%M})."
            )
        if read and hashes <= set(self.plan.known.values()):
            self.warnings.append("The files are those that the last run read, byte for byte: they hold no news.")
        self.warnings += [text for stream in (assets, findings) if stream is not None for text in stream.warnings]


def _once(drafts: ir.Table) -> ir.Table:
    """One draft a device: that of its first row."""
    order = [drafts.raw_page, drafts.raw_row]
    ranked = drafts.mutate(place=ibis.row_number().over(group_by="external_asset_id", order_by=order))
    return ranked.filter(ranked.place == 0).drop("place")


def _files(stream: StagedStream) -> list[dict[str, Any]]:
    found = stream.closing().get("evidence", {}).get("files", [])
    return list(found)


def _written_at(stream: StagedStream | None) -> datetime | None:
    """When the newest of a stream's files was written, UTC."""
    if stream is None:
        return None
    return max((datetime.fromisoformat(str(f["modified_at"])) for f in _files(stream)), default=None)
