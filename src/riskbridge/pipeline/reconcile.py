"""What a run changes: links, assets, detections, findings, scores, events; from what it read and what is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import ibis
import ibis.expr.types as ir

from riskbridge.enrich.facts import Feeds, combine, stored_drafts
from riskbridge.lifecycle.closings import ReadFacts
from riskbridge.lifecycle.detections import COLUMNS as DETECTION_COLUMNS
from riskbridge.lifecycle.detections import (
    Sighting,
    diff_closed,
    diff_missing,
    diff_seen,
    first_versions,
    in_scope,
    missing,
)
from riskbridge.lifecycle.findings import ROLLED_UP, finding_events, first_findings, follow
from riskbridge.lifecycle.keys import finding_id
from riskbridge.model.layout import KIND, LAYOUTS
from riskbridge.model.target import (
    ASSET,
    ASSET_LINK,
    ASSET_SCORE,
    CVE,
    CVE_CLAIM,
    CVE_SCORE,
    DETECTION,
    DETECTION_DETAIL,
    FINDING,
    SOFTWARE,
    SOURCE_ASSET,
)
from riskbridge.pipeline.asset_events import asset_events
from riskbridge.pipeline.changes import Folded, fold_changes
from riskbridge.pipeline.closing import explain_missing
from riskbridge.pipeline.decisions import carry_over, end_acceptances, without_suppressed
from riskbridge.pipeline.details import new_details
from riskbridge.pipeline.identifying import IdentityInputs, identify_records, link_events, with_stored_records
from riskbridge.pipeline.mapping import SEEN, Keyed, SightingsBuilder
from riskbridge.pipeline.relinking import find_heirs, moved_detections, moved_software, replaced_findings
from riskbridge.pipeline.rolling import (
    KEY_COLUMNS,
    kinds_of_findings,
    roll_up_parts,
    score_first,
    together,
    with_score_keys,
    with_scores,
)
from riskbridge.pipeline.sifting import one_after_another, sift
from riskbridge.pipeline.slices import IdRange, materialise_in_parts
from riskbridge.pipeline.software import compare_software
from riskbridge.pipeline.tags import with_tags
from riskbridge.pipeline.vectors import score_vectors
from riskbridge.score.causes import score_causes
from riskbridge.score.qds import mapped_anew, moved_scores, score_cves
from riskbridge.score.rules import apply_rules
from riskbridge.score.settings import ScoreSettings
from riskbridge.score.trurisk import score_assets
from riskbridge.search.views import with_operating_system
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import Changes, Warehouse
from riskbridge.transform.spec import StreamMap


@dataclass(slots=True)
class Reconciliation:
    """A run's computation, step by step; each method is one phase and leaves its results for the next.

    Attributes:
        engine: Executes the stages.
        warehouse: What is stored.
        connector_id: The connector that was read.
        identity: What identification goes by.
        sighting: When the run looked.
        settings: Formulas' settings.
        changes: What is to be published.
        counts: Numbers for the run's record.
        said_fixed: `detection_id` of what the source itself called fixed; None where its stream does not say.
        devices: Devices that this run read, as SOURCE_ASSET rows; None before `identify`.
        explained: Missing detections with the reason and evidence they would close with; None when nothing is missing.
        inventory: The whole software inventory that this run read, as SOFTWARE rows; None where it read none.
        labels: Feed to its name and day, for events.
        warnings: What a person should look at, in words.
        replaced: Detections that another takes the place of, under a changed map; see `Remapped`. None but in a re-map.
        has_device_filter: Not all devices were asked for.
        has_finding_filter: Not all findings were asked for.
    """

    engine: DuckDBEngine
    warehouse: Warehouse
    connector_id: str
    identity: IdentityInputs
    sighting: Sighting
    settings: ScoreSettings
    changes: Changes = field(default_factory=Changes)
    counts: dict[str, int] = field(default_factory=dict)
    said_fixed: ir.Table | None = None
    inventory: ir.Table | None = None
    has_device_filter: bool = False
    has_finding_filter: bool = False
    explained: ir.Table | None = None
    devices: ir.Table | None = None
    labels: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    replaced: ir.Table | None = None
    _moves: ir.Table | None = None
    _kinds: ir.Table | None = None
    _is_one_a_finding: bool = False
    _seen: ir.Table | None = None
    _unlike: ir.Table | None = None
    _assets: ir.Table | None = None
    _links: ir.Table | None = None

    def identify(self, devices: Keyed) -> None:
        """Put source records together to assets; links and assets are ready for the phases after."""
        engine, rows = self.engine, devices.records
        self.devices = rows
        self.changes.versions[SOURCE_ASSET.name], records = with_stored_records(engine, self.warehouse, rows)
        self._take(records)
        keys = records.filter(records.connector_id == self.connector_id).select("source_asset_id", "external_asset_id")
        linked = keys.join(_known(self._links).select("source_asset_id", "asset_id"), "source_asset_id")
        self._links = engine.materialise(linked, "keys")
        self.changes.rejects += devices.rejects
        self.counts["devices"] = engine.scalar(rows.count())

    def _take(self, records: ir.Table) -> None:
        found = identify_records(self.engine, self.warehouse, records, self.identity)
        self._links, self._assets, self._moves = found.links, found.assets, found.moves
        self.changes.versions[ASSET_LINK.name] = found.versions
        self.counts |= found.counts
        self.warnings += found.warnings
        told = link_events(self.engine, self.warehouse, records, found, self.sighting)
        if told is not None:
            self.changes.events.append(told)
        if found.moves is not None:
            rows = moved_software(self.warehouse.current(SOFTWARE), found.moves)
            self.changes.versions[SOFTWARE.name] = self.engine.materialise(rows, "moved_software")

    def identify_again(self) -> None:
        """Put the stored source records together anew, move what belongs to them, and score it; no source is read."""
        engine = self.engine
        self._take(engine.materialise(self.warehouse.current(SOURCE_ASSET), "records"))
        current = self.warehouse.current(DETECTION)
        none = ibis.null("string")
        versions = (
            current.limit(0).select(*DETECTION_COLUMNS).mutate(change=none, evidence=none)
            if self._moves is None
            else moved_detections(current, self._moves)
        )
        self.changes.versions[DETECTION.name] = engine.materialise(versions, "detection")
        self.score(self.changes.versions[DETECTION.name])

    def moved_records(self) -> int:
        """How many records went to another asset."""
        return 0 if self._moves is None else int(self.engine.scalar(self._moves.count()))

    def begin_by_hand(self) -> None:
        """Take assets and CVEs as they are stored, for a change that is made without reading a source."""
        scores = [n for n in ASSET_SCORE.names if n != "asset_id"]
        self._assets = self.engine.materialise(self.warehouse.current(ASSET).drop(*scores), "assets")
        self.changes.contents[CVE.name] = self.engine.materialise(self.warehouse.table(CVE), "cve")

    def begin_sightings(
        self, stream: StreamMap, staged_types: dict[str, str], *, is_scoped: bool = False, may_repeat: bool = False
    ) -> SightingsBuilder:
        """What turns staged findings into sightings, now that devices have their assets.

        Args:
            stream: The map's rows for findings.
            staged_types: Columns of the staged files.
            is_scoped: Findings of devices that this run did not read are left out: a device filter holds for them too.
            may_repeat: As `SightingsBuilder` has it.
        """
        links = _known(self._links)
        if is_scoped:
            links = self.engine.materialise(links.semi_join(_known(self.devices), "source_asset_id"), "scope")
        return SightingsBuilder(
            self.engine, stream, staged_types, links, self.connector_id, is_scoped=is_scoped, may_repeat=may_repeat
        )

    def fold(self, stream: StreamMap, raw: ir.Table, floor: datetime | None) -> Folded:
        """Changes to what is stored as the sightings of a whole reading."""
        current, links = self._current_detections(), _known(self._links)
        return fold_changes(self.engine, stream, raw, links, current, self.connector_id, floor)

    def install(self, drafts: ir.Table, *, is_complete: bool) -> None:
        """Take an inventory of software; see `compare_software`."""
        stored, links = self.warehouse.current(SOFTWARE), _known(self._links)
        found = compare_software(self.engine, drafts, links, stored, self.connector_id, is_complete=is_complete)
        moved = self.changes.versions.get(SOFTWARE.name)
        if moved is not None:
            moved = moved.anti_join(found.versions, "software_id").anti_join(found.gone, "software_id")
        self.changes.versions[SOFTWARE.name] = found.versions if moved is None else found.versions.union(moved)
        self.changes.withdrawn[SOFTWARE.name] = found.gone
        self.counts["software"] = found.number
        self.inventory = found.now if is_complete else None

    def stored_sightings(self) -> ir.Table:
        """What is stored as open, as the sightings of a reading that found the same."""
        current = self._current_detections()
        return current.filter(current.state == "open").select(*SEEN)

    def detail(self, stream: StreamMap, raw: ir.Table, seen: ir.Table) -> None:
        """Take what the stream tells of detections beyond what they are compared by.

        Args:
            stream: The map's rows for details.
            raw: The staged rows.
            seen: Sightings with `detection_id`, `raw_page`, `raw_row`.
        """
        stored = self.warehouse.current(DETECTION_DETAIL)
        self.changes.versions[DETECTION_DETAIL.name] = new_details(self.engine, stream, raw, seen, stored)

    def sight(self, keyed: Keyed) -> ir.Table:
        """Take the sightings of this run; gives one row a detection."""
        self.changes.rejects += keyed.rejects
        self._kinds, self._is_one_a_finding = keyed.kinds, keyed.is_one_a_finding
        self.counts["detections"] = self.engine.scalar(keyed.records.count()) if keyed.number is None else keyed.number
        return keyed.records

    def open_detections(self) -> int:
        """How many detections of the connector are stored as open and within this run's scope."""
        current = self._current_detections()
        rows = current.filter(current.state == "open")
        return int(self.engine.scalar(in_scope(rows, self.sighting).count()))

    def compare(self, seen: ir.Table, catalogue: ir.Table | None) -> ir.Table | None:
        """Find out what is missing and why it would close; gives those rows, None when nothing is missing.

        Args:
            seen: One row a detection.
            catalogue: CVE drafts that this run read; None when it read none.
        """
        current = self._current_detections()
        if self.engine.scalar(current.count()) == 0:
            self._seen = seen
            return None
        if self._kinds is None:
            self._seen = self._unlike = self.engine.materialise(seen, "seen")
        else:
            self._seen = seen
            self._unlike = sift(self.engine, self.warehouse, self.connector_id, seen, self._kinds)
        gone = self.engine.materialise(missing(self._seen, current, self.sighting), "missing")
        if self.engine.scalar(gone.count()) == 0:
            return None
        read = ReadFacts(
            seen=self.engine.materialise(self._seen.semi_join(gone, "source_asset_id"), "seen_beside"),
            devices=_known(self.devices),
            links=_known(self._links),
            software=self.inventory,
            said_fixed=self.said_fixed,
            has_device_filter=self.has_device_filter,
            has_finding_filter=self.has_finding_filter,
        )
        self.explained = explain_missing(self.engine, self.warehouse, gone, self._seen, current, catalogue, read)
        return self.explained

    def diff(self, *, may_close: bool) -> ir.Table:
        """Compare sightings with what is stored; gives the new versions of detections with `change` and `evidence`."""
        engine, gone = self.engine, self.explained
        current = self._current_detections()
        columns = (*DETECTION_COLUMNS, "change", "evidence")
        none = ibis.null("string")
        if is_first := engine.scalar(current.count()) == 0:
            parts = [first_versions(_known(self._seen), self.sighting).mutate(evidence=none)]
        else:
            parts = [diff_seen(_known(self._unlike), current, self.sighting).mutate(evidence=none)]
        if gone is not None and may_close:
            parts.append(diff_closed(gone, self.sighting))
        elif gone is not None:
            parts.append(diff_missing(gone.mutate(close_reason=none), self.sighting).mutate(evidence=none))
        if self._moves is not None:
            parts.append(moved_detections(self.warehouse.current(DETECTION), self._moves))
        if self._kinds is not None:
            self.changes.kinds[DETECTION.name] = self._kinds
            columns = (*columns, KIND, *LAYOUTS[DETECTION.name].begin)
        versions = one_after_another(parts, columns)
        is_plain = is_first and self._moves is None
        if not is_plain:
            versions = self._latest_of_each(engine.materialise(versions, "detection"))
        elif self._kinds is not None:
            self.changes.all_of_kinds.add(DETECTION.name)
        self.changes.versions[DETECTION.name] = versions
        tally = [("new", self.counts["detections"])] if is_plain else self._tally(versions)
        self.counts |= {f"detections_{kind}": number for kind, number in tally if number}
        return versions

    def _latest_of_each(self, versions: ir.Table) -> ir.Table:
        if self._moves is None:
            return versions
        moved = versions.filter(versions.change == "moved")
        others = versions.filter(versions.change != "moved")
        links = _known(self._links).select("source_asset_id", now_asset_id="asset_id")
        relinked = others.join(links, "source_asset_id").mutate(asset_id=lambda t: t.now_asset_id)
        relinked = relinked.mutate(finding_id=finding_id(relinked)).select(*versions.columns)
        return self.engine.materialise(relinked.union(moved.anti_join(others, "detection_id")), "detection")

    def enrich(self, catalogue: ir.Table | None, feeds: Feeds, *, is_catalogue_whole: bool = True) -> None:
        """Bring together what is known of every CVE in the estate.

        Args:
            catalogue: CVE drafts that this run read; None when it read none.
            feeds: Facts from elsewhere.
            is_catalogue_whole: They are all that the source knows; else what is stored counts besides.
        """
        stored = self.warehouse.table(CVE)
        everywhere = stored.select("cve_id")
        versions = self.changes.versions.get(DETECTION.name)
        if DETECTION.name in self.changes.all_of_kinds:
            versions = self.changes.kinds[DETECTION.name]
        if versions is not None:
            everywhere = versions.select("cve_id").union(everywhere)
        known = everywhere.filter(everywhere.cve_id.notnull()).distinct()
        if catalogue is None or not is_catalogue_whole:
            told = stored_drafts(stored, self.warehouse.table(CVE_CLAIM))
            fresh = catalogue
            catalogue = told if fresh is None else told.anti_join(fresh, "cve_id").union(fresh.select(*told.columns))
        vectors = score_vectors(self.engine, catalogue, feeds)
        facts = combine(catalogue, feeds, known, vectors, self.engine.materialise)
        self.changes.contents[CVE.name] = facts.cve
        self.changes.contents[CVE_CLAIM.name] = self.engine.materialise(facts.claims, "cve_claim")
        self.labels = feeds.labels
        self.counts["cves"] = self.engine.scalar(known.count())

    def score(self, versions: ir.Table) -> None:
        """Roll detections up to findings, score both levels, and write the events."""
        engine = self.engine
        findings = self.warehouse.current(FINDING)
        is_first = engine.scalar(findings.count()) == 0
        scores, followed = self._first_findings(versions) if is_first else self._followed(versions, findings)
        self.changes.versions[FINDING.name] = followed
        if not is_first:
            closings = versions.filter(versions.change == "closed")
            closings = closings if engine.scalar(closings.count()) > 0 else None
            at, causes = self.sighting.observed_at, self._causes(scores)
            self.changes.events.append(finding_events(followed, closings, observed_at=at, causes=causes))
        self._score_assets(findings, followed, is_first=is_first)
        tally = [("found", self.counts["findings"])] if is_first else self._tally(followed)
        self.counts |= {f"findings_{kind}": number for kind, number in tally if number}

    def _first_findings(self, versions: ir.Table) -> tuple[ir.Table, ir.Table]:
        lifted, others = self._rolled_up(versions, versions)
        kinds = self.changes.kinds.get(DETECTION.name)
        if kinds is None:
            rolled = with_score_keys(together(lifted, others), self.settings)
            scores = self._score_cves(rolled.select(*KEY_COLUMNS))
            return scores, first_findings(with_scores(rolled, scores))
        known = self.engine.materialise(kinds_of_findings(kinds, self.settings), "kinds")
        self.changes.kinds[FINDING.name] = known
        if others is None:
            self.changes.all_of_kinds.add(FINDING.name)
        several = None if others is None else self.engine.materialise(with_score_keys(others, self.settings), "rolled")
        scores, found = score_first(lifted, several, known, self._score_cves, self.engine.materialise)
        return scores, first_findings(found)

    def _followed(self, versions: ir.Table, findings: ir.Table) -> tuple[ir.Table, ir.Table]:
        engine, at, run = self.engine, self.sighting.observed_at, self.sighting.run
        lifted, others = self._rolled_up(versions, self._concerned(versions))
        rolled = with_score_keys(engine.materialise(together(lifted, others), "rolled"), self.settings)
        mapped = mapped_anew(findings, self.settings)
        scores = self._score_cves(rolled.select(*KEY_COLUMNS).union(mapped.select(*KEY_COLUMNS)))
        moved = moved_scores(mapped.anti_join(rolled, "finding_id"), scores)
        scored = with_scores(rolled, scores).union(moved.select(*ROLLED_UP, "qds", "score_key"))
        heirs = self._heirs(versions)

        def follow_part(ids: IdRange) -> ir.Table:
            stored = ids.of(findings, "finding_id") if heirs is None else findings  # an heir's past has another id
            return follow(ids.of(scored, "finding_id"), stored, run=run, observed_at=at, heirs=heirs)

        followed = materialise_in_parts(engine, engine.scalar(rolled.count()), follow_part, "finding")
        self._withdraw(versions, findings, rolled, heirs)
        end_acceptances(engine, self.warehouse, self.changes, findings, at)
        return scores, followed

    def rescore(self, feeds: Feeds) -> None:
        """Enrich and score everything anew, from what is stored and the feeds."""
        self.enrich(None, feeds)
        nothing = self.warehouse.current(DETECTION).limit(0).select(*DETECTION_COLUMNS)
        none = ibis.null("string")
        self.score(self.engine.materialise(nothing.mutate(change=none, evidence=none), "none"))

    def score_again(self) -> None:
        """Score assets as they stand by hand-made changes, and end what is over; no detection changes."""
        findings = self.warehouse.current(FINDING)
        nothing = self.engine.materialise(findings.limit(0), "none")
        self.changes.withdrawn[FINDING.name] = nothing.select("finding_id")
        at = self.sighting.observed_at
        end_acceptances(self.engine, self.warehouse, self.changes, findings, at)
        self._score_assets(findings, nothing, is_first=False)

    def _score_cves(self, keys: ir.Table) -> ir.Table:
        keys = keys.group_by("score_key").agg(**{n: keys[n].max() for n in KEY_COLUMNS if n != "score_key"})
        cve = self.changes.contents[CVE.name]
        scores = self.engine.materialise(score_cves(keys, cve, self.settings, self._today()), "cve_score")
        self.changes.contents["cve_score"] = scores
        return scores

    def _causes(self, scores: ir.Table) -> ir.Table:
        stored = self.warehouse.table(CVE_SCORE)
        told = score_causes(stored, scores, self.changes.contents[CVE.name], self.labels)
        return self.engine.materialise(told, "causes")

    def _concerned(self, versions: ir.Table) -> ir.Table:
        """Every current detection of the findings that new versions are of."""
        stored = self.warehouse.current(DETECTION)
        touched = self._touched(versions)
        stored_of_touched = stored.semi_join(touched, "detection_id")
        concerned = versions.select("finding_id").union(stored_of_touched.select("finding_id")).distinct()
        kept = stored.anti_join(touched, "detection_id").semi_join(concerned, "finding_id")
        after = versions.select(*DETECTION_COLUMNS)
        return self.engine.materialise(kept.select(*DETECTION_COLUMNS).union(after), "concerned")

    def _rolled_up(self, versions: ir.Table, after: ir.Table) -> tuple[ir.Table, ir.Table | None]:
        """Findings of one detection each, and those of several; None where there are none."""
        is_known = DETECTION.name in self.changes.kinds and after is versions
        after = after.select(*DETECTION_COLUMNS, *([KIND] if is_known else []))
        return roll_up_parts(self.engine, after, self.settings, is_one_each=is_known and self._is_one_a_finding)

    def _heirs(self, versions: ir.Table) -> ir.Table | None:
        """Findings that take over detections of others; None while no record moves, which then costs nothing."""
        if self._moves is None and self.replaced is None:
            return None
        heirs = find_heirs(versions, self.warehouse.current(DETECTION))
        if self.replaced is not None:
            heirs = heirs.union(replaced_findings(self.replaced).anti_join(heirs, "finding_id"))
        found = self.engine.materialise(heirs, "heirs")
        return found if self.engine.scalar(found.count()) else None

    def _touched(self, versions: ir.Table) -> ir.Table:
        """`detection_id` of what has a new version, or ends with none."""
        ids = versions.select("detection_id")
        return ids if self.replaced is None else ids.union(self.replaced.select("detection_id"))

    def _withdraw(self, versions: ir.Table, findings: ir.Table, rolled: ir.Table, heirs: ir.Table | None) -> None:
        stored = self.warehouse.current(DETECTION).semi_join(self._touched(versions), "detection_id")
        orphans = findings.semi_join(stored, "finding_id").anti_join(rolled, "finding_id").select("finding_id")
        gone = self.changes.withdrawn[FINDING.name] = self.engine.materialise(orphans, "orphans")
        if heirs is not None:
            carry_over(self.engine, self.warehouse, self.changes, heirs, gone)

    def _score_assets(self, findings: ir.Table, followed: ir.Table, *, is_first: bool) -> None:
        engine = self.engine
        after = followed.select("asset_id", "qds", "state", "finding_id")
        if not is_first:
            gone = self.changes.withdrawn[FINDING.name]
            kept = findings.anti_join(followed, "finding_id").anti_join(gone, "finding_id")
            after = kept.select(*after.columns).union(after)
        open_findings = after.filter(after.state == "open")
        by_state = {r["state"]: int(r["n"]) for r in engine.records(after.group_by("state").agg(n=after.count()))}
        self.counts |= {"findings_open": by_state.get("open", 0), "findings": sum(by_state.values())}
        if not is_first:
            open_findings = without_suppressed(engine, self.warehouse, self.changes, open_findings, self._today())
        open_findings = open_findings.select("asset_id", "qds")
        assets = with_tags(self.engine, _known(self._assets), self.settings)
        default_acs = self.settings.trurisk.default_acs
        facing = apply_rules(with_operating_system(assets), self.settings.asset_rules, default_acs)
        scores = score_assets(open_findings, facing, self.settings)
        columns = [n for n in ASSET.names if n not in ("valid_from_run", "valid_to_run")]
        scored = engine.materialise(assets.join(scores, "asset_id").select(*columns), "asset_scored")
        stored = self.warehouse.current(ASSET)
        has_stored = engine.scalar(stored.count()) > 0
        fresh = (
            engine.materialise(scored.anti_join(stored, [_same(scored, stored, columns)]), "asset")
            if has_stored
            else scored
        )
        self.changes.versions[ASSET.name] = fresh
        self.changes.withdrawn[ASSET.name] = engine.materialise(
            stored.anti_join(scored, "asset_id").select("asset_id"), "assets_gone"
        )
        self.changes.events.append(engine.materialise(asset_events(fresh, stored, self.sighting), "asset_events"))

    def _current_detections(self) -> ir.Table:
        rows = self.warehouse.current(DETECTION)
        return rows.filter(rows.connector_id == self.connector_id)

    def _tally(self, rows: ir.Table) -> list[tuple[str, int]]:
        counted = self.engine.records(rows.group_by("change").agg(number=rows.count()))
        return [(str(r["change"]), int(r["number"])) for r in counted]

    def _today(self) -> date:
        at: datetime = self.sighting.observed_at
        return at.date()


def _known(table: ir.Table | None) -> ir.Table:
    if table is None:
        raise RuntimeError("the phases of a reconciliation run in order: identify comes first")
    return table


def _same(rows: ir.Table, stored: ir.Table, columns: list[str]) -> ir.BooleanValue:
    return ibis.and_(*(rows[n].identical_to(stored[n]) for n in columns))
