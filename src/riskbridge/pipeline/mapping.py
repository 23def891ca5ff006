"""Staged raw rows to keyed records: mapped, keyed, without repetitions, and with every refused row accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ibis
import ibis.expr.types as ir

from riskbridge.forms import hash_id
from riskbridge.lifecycle.keys import detection_id, detection_tail, finding_tail, source_asset_id
from riskbridge.model.layout import KIND, LAYOUTS
from riskbridge.model.target import ASSET_DRAFT, DETECTION, DETECTION_DRAFT, REJECT, SOURCE_ASSET
from riskbridge.store.engine import DuckDBEngine
from riskbridge.transform.compile import ByKind, Mapped, apply, apply_by_kind, telling, telling_fixed
from riskbridge.transform.sayings import one_row_a_cve
from riskbridge.transform.spec import StreamMap

_TAILS = {"detection_tail": detection_tail, "finding_tail": finding_tail}
_LAYOUT = LAYOUTS[DETECTION.name]
_DEVICE = "device_no"
IDS = ("detection_id", "finding_id", "asset_id", "source_asset_id")
SEEN = (
    *IDS,
    "connector_id",
    *(n for n in DETECTION_DRAFT.names if n not in ("external_asset_id", "raw_page", "raw_row")),
)


@dataclass(frozen=True, slots=True)
class Keyed:
    """Records with their keys, and the rows that were refused on the way.

    Attributes:
        records: One row a key.
        rejects: The others.
        moved: Rows that repeat another page's row, by the source's own id of rows.
        places: `detection_id`, `raw_page`, `raw_row` of every row, repetitions too; None: those of the records.
        kinds: What records have in common, by `kind_id`, which they then have too, as the layout of DETECTION stores it;
            None where they are not known by such numbers.
        is_one_a_finding: No two records are of one finding.
        number: How many records there are; None where they would have to be counted.
    """

    records: ir.Table
    rejects: list[ir.Table]
    moved: int = 0
    places: ir.Table | None = None
    kinds: ir.Table | None = None
    is_one_a_finding: bool = False
    number: int | None = None


def key_devices(engine: DuckDBEngine, drafts: ir.Table, connector_id: str) -> Keyed:
    """Devices of one reading as SOURCE_ASSET rows without validity, one a device id.

    A device that comes twice is taken once, from the page and row it came in first; the others are rejects.
    """
    attributes = [n for n in ASSET_DRAFT.names if n not in ("external_asset_id", "raw_page", "raw_row")]
    keyed = drafts.mutate(
        source_asset_id=source_asset_id(connector_id, drafts.external_asset_id),
        connector_id=ibis.literal(connector_id),
        content_hash=hash_id(*(_as_text(drafts[n]) for n in attributes)),
    )
    columns = [n for n in SOURCE_ASSET.names if n not in ("valid_from_run", "valid_to_run")]
    rows = engine.materialise(keyed.select(*columns), "devices")
    repeated = engine.materialise(_more_than_once(rows, "source_asset_id"), "repeated")
    if engine.scalar(repeated.count()) == 0:
        return Keyed(rows, [])
    return _once(engine, rows, repeated, "source_asset_id", "machines", "external_asset_id")


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is made of a batch of rows.

    Attributes:
        steps: Tables that are computed first, in order, by name.
        tables: The same as tables.
        told: The rows that tell of something; None where all do.
        raw: The rows that are mapped.
        rows: Keyed rows; lazy.
        kinds: Their kinds; lazy.
    """

    steps: list[tuple[str, ir.Table]]
    tables: list[ir.Table]
    told: ir.Table | None
    raw: ir.Table
    rows: ir.Table
    kinds: ir.Table


class SightingsBuilder:
    """Turns staged findings into sightings, file by file while others still arrive.

    Args:
        engine: Executes; used by one thread at a time.
        stream: The map's rows for findings.
        staged_types: Columns of the staged files.
        links: `external_asset_id`, `source_asset_id`, `asset_id` of every device the connector ever reported.
        connector_id: The connector.
        is_scoped: `links` holds the devices of a filter alone; rows of others are left out, and only counted.
        may_repeat: The source tells one detection in several rows, one a port or check: the others are only counted.
    """

    def __init__(
        self,
        engine: DuckDBEngine,
        stream: StreamMap,
        staged_types: dict[str, str],
        links: ir.Table,
        connector_id: str,
        *,
        is_scoped: bool = False,
        may_repeat: bool = False,
    ) -> None:
        self._engine = engine
        self._is_scoped = is_scoped
        self._may_repeat = may_repeat
        self.repeated = 0
        self.out_of_scope = 0
        self.passed_over = 0
        self._stream = stream
        self._types = staged_types
        # Rows carry the number of their device, which says what they have of it.
        self._links = engine.materialise(links.mutate(**{_DEVICE: ibis.row_number()}), "links")
        self._connector_id = connector_id
        keys = dict.fromkeys(("detection_id", "finding_id", *_LAYOUT.begin), "string")
        numbers = dict.fromkeys((_DEVICE, KIND, "raw_page", "raw_row"), "int64")
        self._rows = engine.empty(keys | numbers)
        self._kinds = engine.empty(_LAYOUT.kinds.types)
        self._batch: _Batch | None = None
        self._rejects: list[ir.Table] = []

    def add(self, files: Sequence[Path], number_of_rows: int) -> None:
        """Map and key the rows of some files; what cannot be used is looked for only when some row is missing."""
        engine = self._engine
        whole = engine.read_parquet(files, self._types, name="batch")
        if self._batch is None:
            self._batch = self._plan(whole)
        else:
            for name, expression in self._batch.steps:
                engine.materialise(expression, name, is_again=True)
        batch = self._batch
        if batch.told is not None:
            told = int(engine.scalar(batch.told.count()))
            self.passed_over += number_of_rows - told
            number_of_rows = told
        if self._stream.cves_in:
            number_of_rows = int(engine.scalar(batch.raw.count()))
        taken = engine.append(self._rows.get_name(), batch.rows)
        engine.append(self._kinds.get_name(), batch.kinds)
        if taken != number_of_rows:
            refused = [engine.materialise(r, "rejects") for r in self._refused(apply(self._stream, batch.raw))]
            if self._is_scoped:
                self.out_of_scope += number_of_rows - taken - engine.scalar(refused[0].count())
            self._rejects += refused
        engine.drop(*batch.tables)

    def _plan(self, whole: ir.Table) -> _Batch:
        """What is done with each batch, done for the first one: tables go by the same names in all of them."""
        steps: list[tuple[str, ir.Table]] = []
        tables: list[ir.Table] = []

        def materialise(expression: ir.Table) -> ir.Table:
            steps.append((f"batch_{len(steps)}", expression))
            tables.append(self._engine.materialise(expression, steps[-1][0], is_again=True))
            return tables[-1]

        told = telling(self._stream, whole)
        raw = materialise(one_row_a_cve(told, self._stream.cves_in)) if self._stream.cves_in else told
        drafts = apply_by_kind(self._stream, raw, materialise, first_kind=self._kinds.count(), besides=_TAILS)
        kinds = drafts.kinds.mutate(connector_id=ibis.literal(self._connector_id)).select(*self._kinds.columns)
        return _Batch(steps, tables, None if told is whole else told, raw, self._keyed(drafts), kinds)

    def told_fixed(self, files: Sequence[Path]) -> ir.Table | None:
        """The `detection_id` of what the rows of some files call fixed; None where the map takes no row for that."""
        fixed = telling_fixed(self._stream, self._engine.read_parquet(files, self._types))
        if fixed is None:
            return None
        keyed = apply(self._stream, one_row_a_cve(fixed, self._stream.cves_in)).drafts.join(
            self._links, "external_asset_id"
        )
        keyed = keyed.mutate(detection_id=detection_id(keyed))
        return self._engine.materialise(keyed.select("detection_id").distinct(), "told_fixed")

    def finish(self) -> Keyed:
        """Every sighting once, and the rejects: rows without identity, of unknown devices, and repetitions."""
        # A detection belongs to one finding, so a finding that comes once has no repeated detection.
        shared = self._engine.materialise(_more_than_once(self._rows, "finding_id"), "shared")
        if self._engine.scalar(shared.count()) == 0:
            return replace(self._all_of(self._rows), is_one_a_finding=True)
        suspects = self._rows.semi_join(shared, "finding_id")
        repeated = self._engine.materialise(_more_than_once(suspects, "detection_id"), "repeated")
        if self._engine.scalar(repeated.count()) == 0:
            return self._all_of(self._rows)
        if self._may_repeat:
            return self._all_of(self._first_of_each(repeated))
        rows = self._with_row_ids(self._rows)
        once = _once(self._engine, rows, repeated, "detection_id", self._stream.source.stream, "external_finding_id")
        places = self._rows.select("detection_id", "raw_page", "raw_row")
        whole = self._all_of(once.records)
        return replace(whole, rejects=[*whole.rejects, *once.rejects], moved=once.moved, places=places)

    def _all_of(self, rows: ir.Table) -> Keyed:
        kinds = self._engine.materialise(self._kinds.semi_join(rows, KIND), "kinds")
        number = int(self._engine.scalar(rows.count()))
        return Keyed(self._whole(rows), self._rejects, kinds=kinds, number=number)

    def _with_row_ids(self, rows: ir.Table) -> ir.Table:
        joined = self._with_device(rows.join(self._kinds.select(KIND, *_LAYOUT.end), KIND))
        return joined.mutate(external_finding_id=_row_id(joined)).select(*rows.columns, "external_finding_id")

    def _with_device(self, rows: ir.Table) -> ir.Table:
        (begin,) = _LAYOUT.begin
        joined = rows.join(self._links, _DEVICE)
        return joined.mutate(**{begin: joined[begin].coalesce(joined.external_asset_id)})

    def _first_of_each(self, repeated: ir.Table) -> ir.Table:
        """One row a detection, by the source's own ids: whichever order the rows come in, it is the same one."""
        some = self._with_row_ids(self._rows.semi_join(repeated, "detection_id"))
        order = [some.external_finding_id, some.raw_page, some.raw_row]
        ranked = some.mutate(place=ibis.row_number().over(group_by="detection_id", order_by=order))
        first = ranked.filter(ranked.place == 0).select(*self._rows.columns)
        once = self._engine.materialise(self._rows.anti_join(repeated, "detection_id").union(first), "once")
        self.repeated = int(self._engine.scalar(self._rows.count())) - int(self._engine.scalar(once.count()))
        return once

    def _keyed(self, drafts: ByKind) -> ir.Table:
        # DuckDB takes rows that were looked through for a fifth of what they are. Were the drafts alone looked through, or were
        # kinds found by a join that drops rows, it would take them for fewer than the devices, and look up devices in them.
        links = self._links.filter(self._links.external_asset_id != "").rename(link_asset_id="external_asset_id")
        rows = drafts.rows.mutate(link_key=ibis.ifelse(drafts.rows[KIND].isnull(), None, drafts.rows.external_asset_id))
        joined = rows.join(links, [("link_key", "link_asset_id")])
        begin = ibis.ifelse(joined.is_divided, ibis.null("string"), joined.external_finding_id)
        joined = joined.mutate(
            finding_id=hash_id(joined.asset_id, joined.finding_tail),
            detection_id=hash_id(joined.source_asset_id, joined.detection_tail),
            **dict.fromkeys(_LAYOUT.begin, begin),
        )
        return joined.select(*self._rows.columns)

    def _whole(self, rows: ir.Table) -> ir.Table:
        joined = self._with_device(rows.join(self._kinds, KIND))
        joined = joined.mutate(external_finding_id=_row_id(joined))
        return joined.select(*SEEN, "raw_page", "raw_row", KIND, *_LAYOUT.begin)

    def _refused(self, mapped: Mapped) -> list[ir.Table]:
        if self._is_scoped:
            return [mapped.rejects]
        strangers = mapped.drafts.anti_join(self._links, "external_asset_id")
        detail = ibis.literal("device ") + strangers.external_asset_id + " is not among the devices that were read"
        stream = self._stream.source.stream
        unknown = _rejects(strangers, stream, "device-unknown", detail, strangers.external_finding_id)
        return [mapped.rejects, unknown]


def _row_id(rows: ir.Table) -> ir.StringValue:
    (begin,), (end,) = _LAYOUT.begin, _LAYOUT.end
    whole: ir.StringValue = rows[begin] + rows[end]
    return whole


def _more_than_once(rows: ir.Table, key: str) -> ir.Table:
    return rows.group_by(key).agg(times=rows.count()).filter(ibis._.times > 1)


def _once(engine: DuckDBEngine, rows: ir.Table, repeated: ir.Table, key: str, stream: str, external_id: str) -> Keyed:
    some = rows.semi_join(repeated, key)
    window = ibis.window(group_by=some[key], order_by=[some.raw_page, some.raw_row])
    ranked = engine.materialise(some.mutate(place=ibis.row_number().over(window)), "ranked")
    first = ranked.filter(ranked.place == 0).drop("place")
    others = ranked.filter(ranked.place > 0)
    detail = ibis.literal("the record came more than once; the first was taken: ") + others[external_id]
    kept = engine.materialise(rows.anti_join(repeated, key).union(first.select(*rows.columns)), "once")
    refused = engine.materialise(_rejects(others, stream, "duplicate-row", detail, others[external_id]), "rejects")
    # Several rows of one key may be right (an update each); the same row on two pages is not.
    same = some.group_by(external_id).agg(times=some.count(), pages=some.raw_page.nunique())
    moved = engine.scalar(ibis.ifelse(same.pages > 1, same.times - 1, 0).sum().fill_null(0))
    return Keyed(kept, [refused], int(moved))


def _rejects(rows: ir.Table, stream: str, reason: str, detail: ir.StringValue, raw: ir.StringValue) -> ir.Table:
    return rows.select(
        stream=ibis.literal(stream),
        page=rows.raw_page,
        row=rows.raw_row,
        reason=ibis.literal(reason),
        detail=detail,
        raw=raw,
    ).select(*REJECT.names)


def _as_text(column: ir.Value) -> ir.StringValue:
    if column.type().is_array():
        return ibis.ifelse(column.length() > 0, column.join("\x1e"), "")
    return column.cast("string")
