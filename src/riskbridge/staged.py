"""What runs have staged, used once more: the chain of a connector, what is kept for it, and mapping it anew."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from riskbridge.errors import ConfigError, InputError, RiskbridgeError
from riskbridge.file_connectors import plan_files
from riskbridge.maps import find_labelled, keep_for_run
from riskbridge.model.connector import Connector, Profile, RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.store.config.store import ConfigStore

if TYPE_CHECKING:
    from riskbridge.enrich.facts import Feeds
    from riskbridge.pipeline.chain import Chain
    from riskbridge.pipeline.progress import Progress
    from riskbridge.pipeline.reading import Source
    from riskbridge.pipeline.run import Parts, RunReport
    from riskbridge.score.settings import ScoreSettings
    from riskbridge.staging.area import StagingArea
    from riskbridge.staging.stream import StagedStream
    from riskbridge.store.warehouse.warehouse import Warehouse
    from riskbridge.transform.spec import TransformMap

REMAP = "remap"
"""What begins a run that maps anew what is staged."""


def make_parts(
    warehouse: Warehouse,
    source: Source,
    open_stream: Callable[[str], StagedStream],
    transform_map: TransformMap,
    feeds: Feeds,
    score_settings: ScoreSettings,
    now: Callable[[], datetime],
) -> Parts:
    """What a run works with."""
    from riskbridge.pipeline.run import Parts  # noqa: PLC0415 - loads Ibis
    from riskbridge.source.file.source import FileSource  # noqa: PLC0415

    return Parts(
        engine=warehouse.engine,
        warehouse=warehouse,
        source=source,
        open_stream=open_stream,
        transform_map=transform_map,
        feeds=feeds,
        score_settings=score_settings,
        now=now,
        files=source if isinstance(source, FileSource) else None,
    )


def find_chain(store: ConfigStore, warehouse: Warehouse, area: StagingArea, connector: Connector) -> Chain | None:
    """The staged runs that a connector's stored state comes from; None where too little is staged, or nothing was read."""
    from riskbridge.pipeline.chain import find_chain as find  # noqa: PLC0415 - loads Arrow
    from riskbridge.pipeline.file_reading import WAY  # noqa: PLC0415
    from riskbridge.pipeline.strategy import stream_of  # noqa: PLC0415

    files = plan_files(store, connector).findings.stream if connector.file is not None else None

    def stream(strategy: str) -> str | None:
        return files if strategy == WAY else stream_of(strategy)

    return find(warehouse.runs_of(connector.connector_id), stream, area.find_closed)


def prune(store: ConfigStore, warehouse: Warehouse, area: StagingArea, *, keep_runs: int) -> None:
    """Remove raw rows that are too old, but for those that a re-map of a connector needs, however old they are."""
    needed: set[str] = set()
    for connector in store.list_connectors():
        with suppress(InputError):  # a data model of its own that is gone
            chain = find_chain(store, warehouse, area, connector)
            needed |= chain.run_ids if chain is not None else set()
    area.prune(keep_runs=keep_runs, protect=needed)


@dataclass(frozen=True, slots=True)
class Remapper:
    """Maps anew what a connector's runs have staged, as a run with a record of its own.

    Attributes:
        store: Connectors, maps and records.
        warehouse: What is stored.
        area: What is staged.
        now: The clock, aware UTC.
        plan: Makes a run's plan from connector, profile and record.
        parts: Makes a run's parts from a source, staged streams and a map.
    """

    store: ConfigStore
    warehouse: Warehouse
    area: StagingArea
    now: Callable[[], datetime]
    plan: Callable[..., Any]
    parts: Callable[..., Any]

    def remap(
        self, connector: Connector, profile: Profile, transform_map: TransformMap, progress: Progress
    ) -> RunRecord:
        """Map anew and publish.

        Raises:
            InputError: `remap.nothing-staged`.
            RiskbridgeError: It failed; the record says so and nothing stored before is changed.
        """
        now = self.now()
        record = RunRecord(
            run_id=uuid.uuid4().hex,
            connector_id=connector.connector_id,
            connector_name=connector.name,
            profile_id=profile.profile_id,
            outcome=RunOutcome.RUNNING,
            started_at=now,
            observed_at=now.replace(microsecond=0),
            scope_hash=REMAP,
            pid=os.getpid(),
            trigger=REMAP,
            map_version=keep_for_run(self.store, transform_map),
        )
        self.store.save_run(record)
        try:
            report = self._publish(connector, profile, record, transform_map, progress)
        except RiskbridgeError as error:
            self._end(record, RunOutcome.FAILED, error=error.as_dict())
            raise
        except KeyboardInterrupt:
            self._end(record, RunOutcome.INTERRUPTED)
            raise
        return self._end(record, report.outcome, counts=report.counts, warnings=tuple(report.warnings), run=report.run)

    def follow_map(
        self, connector: Connector, profile: Profile, transform_map: TransformMap, progress: Progress
    ) -> str | None:
        """Map anew where a run is to use another map than what is stored; gives why that cannot be, in a sentence."""
        runs = self.warehouse.runs_of(connector.connector_id)
        label = f"{transform_map.name}/{transform_map.version}"
        if not runs or runs[0]["map_version"] == label:
            return None
        before = find_labelled(self.store, runs[0]["map_version"])
        if before is not None and before.streams == transform_map.streams:
            return None
        try:
            self.remap(connector, profile, transform_map, progress)
        except (InputError, ConfigError) as error:
            return f"The map is {label} and was {runs[0]['map_version']}: {error.message}"
        return None

    def _publish(
        self,
        connector: Connector,
        profile: Profile,
        record: RunRecord,
        transform_map: TransformMap,
        progress: Progress,
    ) -> RunReport:
        from riskbridge.pipeline.chain import readings, require_chain  # noqa: PLC0415 - loads Ibis
        from riskbridge.pipeline.remap import RemapPlan, remap_once, require_before  # noqa: PLC0415
        from riskbridge.pipeline.replay import Nobody  # noqa: PLC0415

        area = self.area
        chain = require_chain(find_chain(self.store, self.warehouse, area, connector), connector.name)
        runs = self.warehouse.runs_of(connector.connector_id)
        plan = RemapPlan(
            run=self.plan(connector, profile, record, is_drop_accepted=False),
            chain=chain,
            find_stream=area.find_closed,
            before=require_before(find_labelled(self.store, runs[0]["map_version"]), connector.name),
            newest=runs[0],
            read_at=readings(runs)[0]["observed_at"],
        )
        parts = self.parts(Nobody(), lambda stream: area.stream(record.run_id, stream), transform_map)
        return remap_once(plan, parts, progress)

    def _end(self, record: RunRecord, outcome: RunOutcome, **changes: Any) -> RunRecord:
        ended = replace(record, outcome=outcome, ended_at=self.now(), **changes)
        self.store.save_run(ended)
        return ended
