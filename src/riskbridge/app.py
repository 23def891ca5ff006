"""The composition root: what every way in calls, and the only module that picks engines, stores and connectors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from riskbridge.config import Settings
from riskbridge.errors import InputError
from riskbridge.file_connectors import open_files, plan_files, source_name
from riskbridge.maps import choose_label, find_labelled, require_map
from riskbridge.model.connector import Connector, ConnectorState, Profile, Strategy
from riskbridge.model.run import RunRecord
from riskbridge.pipeline.progress import NoProgress, Progress
from riskbridge.schedule.runs import Runner, end_run, recording_end, rows_read_before, take_up_run
from riskbridge.schedule.standing import Standing, stand
from riskbridge.scoring import load_score_settings
from riskbridge.security.home import HomeLock
from riskbridge.security.secrets import SecretStore
from riskbridge.sla import load_sla
from riskbridge.staged import Remapper, make_parts, prune
from riskbridge.store.config.store import ConfigStore
from riskbridge.tenants import open_tenant

if TYPE_CHECKING:
    from riskbridge.enrich.facts import Feeds
    from riskbridge.model.feed import FeedVersion
    from riskbridge.moment import Moment
    from riskbridge.pipeline.identifying import IdentityInputs
    from riskbridge.pipeline.reading import Source
    from riskbridge.pipeline.run import Parts, RunPlan, RunReport
    from riskbridge.source.defender.doctor import CheckReport
    from riskbridge.source.defender.streams import DefenderSource
    from riskbridge.source.file.source import FileSource
    from riskbridge.staging.stream import StagedStream
    from riskbridge.store.engine import DuckDBEngine
    from riskbridge.store.feeds import FeedStore
    from riskbridge.store.warehouse.warehouse import Warehouse
    from riskbridge.transform.spec import TransformMap

RUNS_LOOKED_AT = 50
"""Newest runs of a connector that say where it stands."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list: the rows, and how many match in all."""

    count: int
    rows: list[dict[str, Any]]


class App:
    """riskbridge on one home directory. Owns the home from `open` to `close`; use it as a context manager.

    Args:
        settings: Where the home is and how much may be used.
        command: What a person typed, for the message others see while the home is in use.
        now: The clock, aware UTC.
        lock: How the home is taken; None takes it at once or not at all.

    Raises:
        RetryableError: `home.in-use`: another command owns the home still; `home.served`: a server does.
        ConfigError: The home cannot be made or read.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        command: str = "riskbridge",
        now: Callable[[], datetime] | None = None,
        lock: HomeLock | None = None,
    ) -> None:
        self.settings = settings
        self.now = now or (lambda: datetime.now(UTC))
        self.schedule_now = self.now
        """The clock of the schedules, which a trial may speed up."""
        self._lock = lock or HomeLock(settings.home, command=command)
        self._lock.acquire()
        try:
            self.secrets = SecretStore(settings.home)
            self.store = ConfigStore(settings.config_path)
        except BaseException:
            self._lock.release()
            raise
        self._engine: DuckDBEngine | None = None
        self._is_fork = self.is_serving = False  # who serves says so, before the warehouse is opened
        self.runner: Runner | None = None
        """Works on runs in this app's place: a server's queue, or None."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def announce(self, address: str) -> None:
        """Let other commands know that this owner works for them at that address of loopback."""
        self._lock.announce(address)

    def fork(self) -> App:
        """The same home for another thread, with a database connection of its own; closing it gives that back alone."""
        engine, other = self.engine.fork(), copy.copy(self)
        vars(other).update(_engine=engine, _is_fork=True)
        return other

    def acting_as(self, actor: str) -> App:
        """The same home for edits of what is set up, which the audit log has under that name; nothing to close."""
        other = copy.copy(self)
        vars(other).update(store=self.store.acting_as(actor), _is_fork=True)
        return other

    def close(self) -> None:
        """Give the home back."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        if self._is_fork:
            return
        self.store.close()
        self._lock.release()

    @property
    def engine(self) -> DuckDBEngine:
        """The warehouse's engine, opened at first use (Ibis takes a second or two to load)."""
        if self._engine is None:
            from riskbridge.store.engine import DuckDBEngine  # noqa: PLC0415 - loads DuckDB and Ibis
            from riskbridge.store.warehouse.warehouse import Warehouse  # noqa: PLC0415

            self._engine = DuckDBEngine(
                self.settings.warehouse_path,
                memory_limit_mib=self.settings.memory_limit_mib,
                threads=self.settings.threads,
                workers_yield=self.is_serving,
            )
            Warehouse(self._engine).ensure_schema()
        return self._engine

    @property
    def warehouse(self) -> Warehouse:
        """The stored facts."""
        from riskbridge.store.warehouse.warehouse import Warehouse  # noqa: PLC0415

        return Warehouse(self.engine)

    # What people set up

    def add_connector(self, connector: Connector, profile: Profile, *, client_secret: str) -> Connector:
        """Save a connector and its first profile; a secret is sealed, or kept as the reference it is.

        Raises:
            InputError: `connector.exists`: the name is taken.
        """
        saved = replace(connector, client_secret=self._sealed(client_secret))
        self.store.save_connector(saved)
        self.store.save_profile(profile)
        return saved

    def change_connector(
        self, connector: Connector, profile: Profile | None = None, *, client_secret: str | None = None
    ) -> Connector:
        """Save other values for a connector, and its profile; a secret of None keeps the saved one, "" forgets it.

        Raises:
            InputError: `connector.exists`: another connector has the name.
        """
        if client_secret is not None:
            connector = replace(connector, client_secret=self._sealed(client_secret))
        self.store.save_connector(connector)
        if profile is not None:
            self.store.save_profile(profile)
        return connector

    def _sealed(self, client_secret: str) -> str:
        """A certificate without a passphrase and a federated token need no secret: nothing stays nothing."""
        return self.secrets.seal(client_secret) if client_secret else ""

    def require_free_name(self, name: str) -> None:
        """Raise when a connector has the name.

        Raises:
            InputError: `connector.exists`.
        """
        if self.store.find_connector(name) is not None:
            raise InputError(
                f"There is a connector named '{name}' already.",
                code="connector.exists",
                remedy="Choose another name, or see it with: riskbridge connector show NAME",
            )

    def check_connector(self, connector: Connector, *, client_secret: str | None = None) -> CheckReport:
        """Ask the tenant for a token and probe each endpoint with its lightest call; stores nothing.

        Args:
            connector: The connector, saved or not.
            client_secret: The secret (or reference) where it is not saved yet; None takes the saved one.
        """
        tested = connector if client_secret is None else replace(connector, client_secret=client_secret)
        with self.open_any_source(tested, None) as source:
            return source.check()

    def standing_of(self, connector: Connector, *, is_processing: bool = False) -> Standing:
        """Where the connector stands, and what to do about it; `is_processing`: a run is under way or waits its turn."""
        is_processing = is_processing or (self.runner is not None and self.runner.is_processing(connector.connector_id))
        runs = self.store.list_runs(connector.connector_id, limit=RUNS_LOOKED_AT)
        has_holds = any(r.counts.get("holds_open") or r.counts.get("held") for r in runs)
        return stand(
            connector,
            self.store.list_profiles(connector.connector_id),
            self.store.schedules.list_schedules(connector.connector_id),
            runs,
            self.schedule_now(),
            is_processing=is_processing,
            held=self._count_held(connector) if has_holds else 0,
        )

    def state_of(self, connector: Connector) -> ConnectorState:
        """Where the connector stands, in a word. Who asks owns the home, so nothing is being processed."""
        return self.standing_of(connector).state

    def _count_held(self, connector: Connector) -> int:
        from riskbridge.model.judgement import HOLD  # noqa: PLC0415

        rows = self.warehouse.current(HOLD)
        held = rows.filter((rows.connector_id == connector.connector_id) & (rows.state == "held"))
        return int(self.engine.scalar(held.count()))

    # Runs

    def run(
        self,
        name: str,
        *,
        profile_name: str | None = None,
        progress: Progress | None = None,
        is_drop_accepted: bool = False,
        record: RunRecord | None = None,
    ) -> RunRecord:
        """Run a connector's profile to its end; one that was killed is taken up again where it was.

        Args:
            name: The connector.
            profile_name: The profile; None for the only one, or `default`.
            progress: Told of every phase.
            is_drop_accepted: A large drop is real.
            record: The run that waits or was left, where the caller knows it; it names the profile.

        Raises:
            RiskbridgeError: The run failed; the record says so and nothing stored before is changed.
            StopRun: `progress` stopped it.
        """
        if self.runner is not None and record is None:
            return self.runner.run(name, profile_name, progress or NoProgress(), is_drop_accepted=is_drop_accepted)
        connector = self.store.get_connector(name)
        record, profile = take_up_run(
            self.store, connector, profile_name, record, self.now(), is_drop_accepted=is_drop_accepted
        )
        record = replace(record, map_version=record.map_version or choose_label(self.store, profile, connector.kind))
        self.store.save_run(record)
        with recording_end(self.store, record, self.now):
            report, calls = self._execute(
                connector, profile, record, progress or NoProgress(), is_drop_accepted=record.is_drop_accepted
            )
        return end_run(
            self.store,
            record,
            report.outcome,
            self.now(),
            counts=report.counts,
            warnings=tuple(report.warnings),
            run=report.run,
            calls=calls,
            streams=tuple(report.streams),
        )

    def _execute(
        self, connector: Connector, profile: Profile, record: RunRecord, progress: Progress, *, is_drop_accepted: bool
    ) -> tuple[RunReport, int]:
        from riskbridge.pipeline.run import run_once  # noqa: PLC0415 - loads Ibis

        area = self.remapper.area
        transform_map = find_labelled(self.store, record.map_version) or require_map(
            self.store, profile, connector.kind
        )
        doubt = self.remapper.follow_map(connector, profile, transform_map, progress)
        plan = self._plan(connector, profile, record, is_drop_accepted=is_drop_accepted)
        with self.open_any_source(connector, profile) as source:
            progress.follow(source.spending)
            parts = self._parts(source, lambda stream: area.stream(record.run_id, stream), transform_map)
            report = run_once(replace(plan, map_doubt=doubt), parts, progress)
            prune(self.store, self.warehouse, area, keep_runs=self.settings.staging_runs_kept)
            return report, source.calls

    @property
    def remapper(self) -> Remapper:
        """Maps anew what is staged."""
        from riskbridge.staging.area import StagingArea  # noqa: PLC0415 - loads Arrow

        area = StagingArea(self.settings.staging_path)
        return Remapper(self.store, self.warehouse, area, self.now, self._plan, self._parts)

    def _parts(self, source: Source, open_stream: Callable[[str], StagedStream], transform_map: TransformMap) -> Parts:
        settings, feeds = load_score_settings(self.store), self.read_feeds()
        return make_parts(self.warehouse, source, open_stream, transform_map, feeds, settings, self.now)

    def _plan(self, connector: Connector, profile: Profile, record: RunRecord, *, is_drop_accepted: bool) -> RunPlan:
        from riskbridge.pipeline.run import RunPlan  # noqa: PLC0415

        return RunPlan(
            run_id=record.run_id,
            connector_id=connector.connector_id,
            connector_name=connector.name,
            identity=self.load_identity(),
            observed_at=record.observed_at,
            device_filter=profile.device_filter,
            finding_filter=profile.finding_filter,
            retain_missing=connector.retain_missing,
            is_drop_accepted=is_drop_accepted,
            strategy=Strategy(profile.strategy),
            has_software=profile.has_software,
            largest_drop=self.settings.largest_drop_percent / 100,
            files=plan_files(self.store, connector) if connector.file is not None else None,
            expected_rows=rows_read_before(self.store, record),
        )

    def load_identity(self) -> IdentityInputs:
        """What identification goes by, as people set it."""
        from riskbridge.matching import load_identity  # noqa: PLC0415 - loads Ibis

        return load_identity(self.store, self.source_names(), most_records=self.settings.largest_merge)

    @property
    def feeds(self) -> FeedStore:
        """The feeds as they were read."""
        from riskbridge.store.feeds import FeedStore  # noqa: PLC0415 - loads Arrow

        return FeedStore(self.settings.feeds_path)

    def read_feeds(self) -> Feeds:
        """The newest reading of every feed, for scoring."""
        from riskbridge.enrich.facts import Feeds  # noqa: PLC0415 - loads Ibis
        from riskbridge.source.feeds import FEED_TYPES  # noqa: PLC0415

        def rows(version: FeedVersion | None) -> Any:
            return version and self.engine.read_parquet([self.feeds.path(version)], FEED_TYPES[version.kind])

        current = {kind: self.feeds.current(kind) for kind in FEED_TYPES}
        tables = {kind: rows(version) for kind, version in current.items()}
        labels = {kind: version.label for kind, version in current.items() if version is not None}
        return Feeds(**tables, epss_before=rows(self.feeds.before("epss")), labels=labels)

    def open_any_source(self, connector: Connector, profile: Profile | None) -> DefenderSource | FileSource:
        """The tenant or the files as a source, to be closed by whoever asked."""
        if connector.file is not None:
            return open_files(self.settings.home, self.store, connector.file)
        return self.open_source(connector, profile)

    def open_source(self, connector: Connector, profile: Profile | None) -> DefenderSource:
        """The tenant as a source, to be closed by whoever asked.

        Raises:
            InputError: `connector.no-tenant`: the connector reads files.
        """
        if connector.file is not None:
            raise InputError(
                f"'{connector.name}' reads files, of which nothing can be asked before they are read.",
                code="connector.no-tenant",
                remedy="Look at the files with: riskbridge connector test NAME",
            )
        return open_tenant(self.settings, self.secrets, connector, page_size=profile.page_size if profile else None)

    # What came of it

    def list_assets(self, query: str = "", *, limit: int = 50, as_of: str | None = None) -> Listing:
        """Assets that a QQL query describes, highest TruRisk first; with `as_of` (a run or a time), those of then.

        Raises:
            InputError: `qql.*`: the query, with the position of the mistake; `as-of.*`.
        """
        from riskbridge.search.compile import read_query  # noqa: PLC0415 - loads Ibis and the grammar
        from riskbridge.search.listing import Asked  # noqa: PLC0415

        moment = self._moment(as_of)
        view = Asked(moment.finding_tables(), read_query(query, "assets", moment.now)).matching(None)
        worst = view.order_by([view.trurisk.desc(), view.asset_id.asc()])
        return Listing(int(self.engine.scalar(view.count())), self._records(worst.limit(limit)))

    def list_findings(self, query: str = "", *, limit: int = 50, as_of: str | None = None) -> Listing:
        """Findings that a QQL query describes, highest QDS first; with `as_of` (a run or a time), those of then.

        Raises:
            InputError: `qql.*`: the query, with the position of the mistake; `as-of.*`.
        """
        from riskbridge.search.listing import count_findings, find_findings  # noqa: PLC0415

        tables, now = (moment := self._moment(as_of)).finding_tables(), moment.now
        page = find_findings(tables, query, now, sort=("-qds", "-trurisk", "finding_id"), limit=limit)
        return Listing(int(self.engine.scalar(count_findings(tables, query, now))), self._records(page))

    def explain_finding(self, finding_id: str) -> dict[str, Any]:
        """One finding with its score taken apart, its detections and its events.

        Raises:
            InputError: `finding.unknown`: no finding has an id that begins so, or several have.
        """
        from riskbridge.model.target import CVE_SCORE  # noqa: PLC0415
        from riskbridge.pipeline.evidence import explain_history  # noqa: PLC0415
        from riskbridge.score.explain import explain_qds, factors_as_dict  # noqa: PLC0415

        finding = self.find_finding(finding_id)
        scores = self.warehouse.table(CVE_SCORE)
        (score,) = self.engine.records(scores.filter(scores.score_key == finding["score_key"]))
        explanation = explain_qds(score, load_score_settings(self.store), str(finding["connector_id"]))
        return {
            "finding": finding,
            "score": explanation.score,
            "formula": explanation.formula,
            "factors": factors_as_dict(explanation),
            "why": explanation.why,
            **explain_history(self.engine, self.warehouse, finding["finding_id"], finding["cve_id"]),
        }

    def find_finding(self, finding_id: str) -> dict[str, Any]:
        """The finding whose id begins so; raises `finding.unknown`."""
        moment = self._moment()
        found = self._one(moment.finding_tables().ids(), "finding_id", finding_id, "finding")
        return {k: _plain(v) for k, v in moment.look_up(found["finding_id"], found["asset_id"]).items()}

    def explain_asset(self, asset_id: str) -> dict[str, Any]:
        """One asset with its TruRisk taken apart and the evidence by which its source records were put together.

        Raises:
            InputError: `asset.unknown`: no asset has an id that begins so, or several have.
        """
        from riskbridge.model.target import EVENT, SOFTWARE  # noqa: PLC0415
        from riskbridge.pipeline.evidence import explain_identity  # noqa: PLC0415
        from riskbridge.score.explain import explain_trurisk, factors_as_dict  # noqa: PLC0415

        asset = self._one(self._moment().asset_view(), "asset_id", asset_id, "asset")
        explanation = explain_trurisk(asset, load_score_settings(self.store))
        installed = self.warehouse.current(SOFTWARE).filter(lambda t: t.asset_id == asset["asset_id"])
        events = self.warehouse.table(EVENT)
        return {
            "asset": asset,
            "score": explanation.score,
            "formula": explanation.formula,
            "factors": factors_as_dict(explanation),
            "why": explanation.why,
            "software": self._records(installed.order_by("product_name").limit(1000)),
            **explain_identity(self.engine, self.warehouse, asset["asset_id"], self.load_identity()),
            "events": self._records(events.filter(events.subject_id == asset["asset_id"]).order_by("run").limit(1000)),
        }

    def count_rows(self) -> dict[str, int]:
        """How much is stored: assets, findings, detections, events, rejects of the newest run."""
        return self.warehouse.count_rows()

    def list_rejects(self, *, run: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Rows that a published run could not use, with their reasons; without its number, the newest that read a source."""
        from riskbridge.model.target import RUN_REJECT  # noqa: PLC0415

        rows = self.warehouse.table(RUN_REJECT)
        of_run = rows.filter(rows.run == (self.warehouse.last_read() if run is None else run))
        return self._records(of_run.order_by(["stream", "reason", "page", "row"]).limit(limit))

    def _moment(self, as_of: str | None = None) -> Moment:
        from riskbridge.moment import find_moment  # noqa: PLC0415 - loads Ibis

        return find_moment(self.warehouse, self.now(), load_sla(self.store), as_of, sources=self.source_names())

    def source_names(self) -> dict[str, str]:
        """Connector id to the name of its inventory source."""
        return {c.connector_id: source_name(c) for c in self.store.list_connectors()}

    def _one(self, view: Any, key: str, prefix: str, noun: str) -> dict[str, Any]:
        found = self._records(view.filter(view[key].startswith(prefix)).limit(2)) if prefix.strip() else []
        if len(found) == 1:
            return found[0]
        problem = "is no" if not found else "is the beginning of more than one"
        raise InputError(
            f"'{prefix}' {problem} {noun} id.",
            code=f"{noun}.unknown",
            remedy=f"List the ids with: riskbridge {noun}s --json",
        )

    def _records(self, expression: Any) -> list[dict[str, Any]]:
        return [{k: _plain(v) for k, v in row.items()} for row in self.engine.records(expression)]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if hasattr(value, "isoformat") else value
