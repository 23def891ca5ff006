"""The workbench: a map, saved or not, on real rows that runs have staged, and what it would change; nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.maps import find_map, read_draft, require_map
from riskbridge.model.run import RunRecord
from riskbridge.pipeline.progress import NoProgress, Progress

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from riskbridge.model.connector import Connector
    from riskbridge.model.source_model import SourceModel
    from riskbridge.staging.stream import StagedStream
    from riskbridge.transform.compare import Compared
    from riskbridge.transform.spec import StreamMap, TransformMap

MOST_PREVIEWED = 100
"""Rows of a preview."""
MOST_EXAMPLES = 50
"""Examples of each kind of difference."""
RUNS_LOOKED_AT = 200
_DETECTIONS = "detection_draft"


@dataclass(frozen=True, slots=True)
class MapDraft:
    """A map that is looked at: by name, `name/version`, or as text or plain data that is not saved."""

    given: str | Mapping[str, Any]

    def read(self, app: App) -> TransformMap:
        """The map, checked.

        Raises:
            InputError: `map.unknown`.
            ConfigError: `transform.invalid`.
        """
        if not self.is_saved:
            return read_draft(app.store, self.given)
        name, _, version = str(self.given).partition("/")
        return find_map(app.store, name, int(version) if version.isdigit() else None)

    @property
    def is_saved(self) -> bool:
        """Whether it is a name, not the map itself."""
        text = self.given
        return isinstance(text, str) and "\n" not in text and not text.lstrip().startswith("{")

    def label(self, found: TransformMap) -> str:
        """How the map is called beside others."""
        return f"{found.name}/{found.version}" if self.is_saved else f"{found.name} (not saved)"


def preview_map(
    app: App,
    connector: str,
    draft: MapDraft,
    *,
    source: str | None = None,
    target: str | None = None,
    limit: int = 5,
    offset: int = 0,
) -> dict[str, Any]:
    """A map on rows that a run of the connector staged, field by field.

    Args:
        app: The home.
        connector: Its name.
        draft: The map.
        source: Source data model of the stream; None takes the first that rows are staged of.
        target: Target table; None takes the source's first.
        limit: Rows, at most `MOST_PREVIEWED`.
        offset: Rows to pass before.

    Returns:
        `run_id`, `source`, `target`, `staged` (rows there are), and `rows`: each with `page`, `row`, `outcome` (draft,
        reject or passed), `reason`, `detail`, and `fields` with `number` (row of the map, from 1), `target`, `type`,
        `from` (values by path) and `result`.

    Raises:
        InputError: `connector.unknown`, `map.unknown`, `workbench.no-rows`, `workbench.no-stream`.
        ConfigError: `transform.invalid`.
    """
    from riskbridge.transform.compare import preview_rows  # noqa: PLC0415 - loads Ibis
    from riskbridge.transform.compile import source_values  # noqa: PLC0415

    owner = app.store.get_connector(connector)
    stream, staged = _choose(app, owner, draft.read(app), source, target)
    raw = _read(app, stream, staged.stream)
    paths = list(source_values(stream, raw))
    made = preview_rows(stream, raw).order_by(["page", "row"])
    bounded = max(0, min(limit, MOST_PREVIEWED))
    rows = app.engine.records(made.limit(bounded, offset=max(0, offset)).select(*made.columns))
    return {
        "connector": owner.name,
        "run_id": staged.run_id,
        "source": stream.source.name,
        "target": stream.target.name,
        "staged": sum(line.rows for line in staged.stream.manifest()),
        "rows": [_field_by_field(stream, paths, row) for row in rows],
    }


def compare(
    app: App,
    connector: str,
    after: MapDraft,
    before: MapDraft | None = None,
    *,
    source: str | None = None,
    examples: int = 5,
    most_rows: int | None = None,
) -> dict[str, Any]:
    """What another map would change on the rows that the connector's newest runs staged, stream by stream.

    Args:
        app: The home.
        connector: Its name.
        after: The other map.
        before: The one it is compared with; None takes the map of the connector's profile.
        source: Source data model to look at; None takes all that rows are staged of.
        examples: Examples of each difference, at most `MOST_EXAMPLES`.
        most_rows: Rows of each stream to look at; None takes all.

    Returns:
        `before`, `after`, `is_same`, and `streams`: each with `source`, `target`, `rows`, `is_whole`, counts of outcomes
        `before` and `after`, `newly_refused`, `newly_taken`, `outcomes` (how rows move between them, with reasons), `fields`
        (those whose values differ, with `changed`, `emptied`, `filled` and examples), `identity` (records whose keys differ)
        and, for findings, `severity` and `findings` (gone, new, split, joined).

    Raises:
        InputError: `connector.unknown`, `map.unknown`, `workbench.no-rows`, `workbench.no-stream`.
        ConfigError: `transform.invalid`.
    """
    owner = app.store.get_connector(connector)
    profile = app.store.get_profile(owner.connector_id, None)
    was = find_map(app.store, profile.transform_map) if before is None else before.read(app)
    now = after.read(app)
    pairs = _pair(was, now, source)
    bounded = max(1, min(examples, MOST_EXAMPLES))
    streams = []
    for one, other in pairs:
        staged = _find_staged(app, owner, one.source)
        if staged is not None:
            raw = _read(app, one, staged.stream)
            whole = sum(line.rows for line in staged.stream.manifest())
            is_whole = most_rows is None or whole <= most_rows
            rows = raw if is_whole else raw.order_by(["page", "row"]).limit(most_rows)
            streams.append(_compare_stream(app, one, other, rows, bounded) | {"is_whole": is_whole})
    if not streams:
        raise _no_rows(owner, [one.source.name for one, _ in pairs])
    return {
        "connector": owner.name,
        "before": f"{was.name}/{was.version}" if before is None else before.label(was),
        "after": after.label(now),
        "is_same": was.streams == now.streams,
        "only_before": _only(was, now),
        "only_after": _only(now, was),
        "streams": streams,
    }


def remap(app: App, connector: str, *, profile_name: str | None = None, progress: Progress | None = None) -> RunRecord:
    """Map anew, by the profile's map as it is now, everything that the connector's runs have staged; asks nobody.

    Raises:
        InputError: `remap.nothing-staged`, `connector.unknown`, `profile.unknown`, `map.unknown`.
        ConfigError: `remap.map-lost`, `transform.no-stream`.
        RiskbridgeError: It failed; the record says so and nothing stored before is changed.
    """
    owner = app.store.get_connector(connector)
    profile = app.store.get_profile(owner.connector_id, profile_name)
    transform_map = require_map(app.store, profile, owner.kind)
    return app.remapper.remap(owner, profile, transform_map, progress or NoProgress())


@dataclass(frozen=True, slots=True)
class _Staged:
    run_id: str
    stream: StagedStream


def _find_staged(app: App, connector: Connector, model: SourceModel) -> _Staged | None:
    """The newest staged rows of a data model; those of another model, or of this one before a field came to it, are none."""
    from riskbridge.staging.area import StagingArea  # noqa: PLC0415 - loads Arrow

    area = StagingArea(app.settings.staging_path)
    for record in app.store.list_runs(connector.connector_id, limit=RUNS_LOOKED_AT):
        found = area.find_closed(record.run_id, model.stream)
        if found is not None and found.received and _holds(found, model):
            return _Staged(record.run_id, found)
    return None


def _holds(stream: StagedStream, model: SourceModel) -> bool:
    import pyarrow.parquet as pq  # noqa: PLC0415

    files = stream.parquet_files()
    return bool(files) and set(model.staged_types) <= set(pq.read_schema(files[0]).names)


def _choose(
    app: App, connector: Connector, transform_map: TransformMap, source: str | None, target: str | None
) -> tuple[StreamMap, _Staged]:
    fits = [s for s in transform_map.streams if source in (None, s.source.name) and target in (None, s.target.name)]
    if not fits:
        raise _no_stream(transform_map, source, target)
    for stream in fits:
        staged = _find_staged(app, connector, stream.source)
        if staged is not None:
            return stream, staged
    raise _no_rows(connector, [s.source.name for s in fits])


def _read(app: App, stream: StreamMap, staged: StagedStream) -> ir.Table:
    return app.engine.read_parquet(staged.parquet_files(), stream.source.staged_types)


def _pair(was: TransformMap, now: TransformMap, source: str | None) -> list[tuple[StreamMap, StreamMap]]:
    others = {(s.source.name, s.target.name): s for s in now.streams}
    pairs = [
        (s, others[s.source.name, s.target.name])
        for s in was.streams
        if (s.source.name, s.target.name) in others and source in (None, s.source.name)
    ]
    if not pairs:
        raise _no_stream(now, source, None)
    return pairs


def _only(one: TransformMap, other: TransformMap) -> list[str]:
    known = {(s.source.name, s.target.name) for s in other.streams}
    return [f"{s.source.name} > {s.target.name}" for s in one.streams if (s.source.name, s.target.name) not in known]


def _field_by_field(stream: StreamMap, paths: list[str], row: dict[str, Any]) -> dict[str, Any]:
    values = {path: row[f"from_{n}"] for n, path in enumerate(paths)}
    fields = [
        {
            "number": number,
            "target": r.target,
            "type": r.type,
            "from": {path: values[path] for path in r.sources},
            "result": row[f"to_{r.column}"],
        }
        for number, r in enumerate(stream.rows, start=1)
    ]
    return {n: row[n] for n in ("page", "row", "outcome", "reason", "detail")} | {"fields": fields}


def _compare_stream(app: App, was: StreamMap, now: StreamMap, raw: ir.Table, examples: int) -> dict[str, Any]:
    from riskbridge.transform.compare import compare_maps, key_columns, outcome_moves, tally  # noqa: PLC0415

    engine = app.engine
    compared = compare_maps(was, now, raw)
    rows = engine.materialise(compared.rows, "compared")
    (counts,) = _records(app, tally(compared, rows, key_columns(was.target)))
    found = {
        "source": was.source.name,
        "target": was.target.name,
        "rows": counts["rows"],
        "before": {n: counts[f"was_{n}"] for n in ("draft", "reject", "passed")},
        "after": {n: counts[f"now_{n}"] for n in ("draft", "reject", "passed")},
        "newly_refused": counts["newly_refused"],
        "newly_taken": counts["newly_taken"],
        "outcomes": _records(app, outcome_moves(rows)),
        "fields": _changed_fields(app, compared, rows, counts, examples),
        "identity": {"changed": counts["keys"], "keys": [_camel(n) for n in key_columns(was.target)]},
    }
    if was.target.name == _DETECTIONS:
        found |= _finding_changes(app, rows, examples)
    engine.drop(rows)
    return found


def _changed_fields(
    app: App, compared: Compared, rows: ir.Table, counts: dict[str, Any], examples: int
) -> list[dict[str, Any]]:
    from riskbridge.transform.compare import example_rows  # noqa: PLC0415 - loads Ibis

    return [
        {
            "target": _camel(name),
            **{n: counts[f"{n}_{name}"] for n in ("changed", "emptied", "filled")},
            "examples": _records(app, example_rows(compared, rows, name, examples)),
        }
        for name in compared.columns
        if counts[f"changed_{name}"]
    ]


def _finding_changes(app: App, rows: ir.Table, examples: int) -> dict[str, Any]:
    from riskbridge.pipeline.map_difference import find_moves, severity_moves  # noqa: PLC0415 - loads Ibis

    moves = find_moves(rows, limit=examples)
    counts = {str(r["name"]): r["number"] for r in _records(app, moves.counts)}
    severities = _records(app, severity_moves(rows))
    return {
        "severity": {"changed": sum(r["rows"] for r in severities), "moves": severities},
        "findings": {**counts, "examples": _records(app, moves.examples)},
    }


def _records(app: App, expression: ir.Table) -> list[dict[str, Any]]:
    """Computed once, which gives sums the type they promise."""
    computed = app.engine.materialise(expression, "found")
    found = app.engine.records(computed)
    app.engine.drop(computed)
    return found


def _camel(name: str) -> str:
    from riskbridge.transform.rows import camel_case  # noqa: PLC0415 - loads Ibis

    return camel_case(name)


def _no_stream(transform_map: TransformMap, source: str | None, target: str | None) -> InputError:
    streams = ", ".join(f"{s.source.name} > {s.target.name}" for s in transform_map.streams)
    return InputError(
        f"The map '{transform_map.name}' does not map '{source or 'any'}' to '{target or 'any'}'.",
        code="workbench.no-stream",
        remedy=f"It has: {streams}.",
    )


def _no_rows(connector: Connector, sources: list[str]) -> InputError:
    return InputError(
        f"No run of '{connector.name}' has staged rows of {', '.join(dict.fromkeys(sources))}.",
        code="workbench.no-rows",
        remedy=f"Run it first: riskbridge run {connector.name!r}",
    )
