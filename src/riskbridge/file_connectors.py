"""Connectors of kind `file`: their settings as a source to read, and as what a run of it does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskbridge.data_models import find_source_model
from riskbridge.errors import ConfigError, InputError
from riskbridge.maps import find_map
from riskbridge.model.connector import Connector, RunOutcome
from riskbridge.model.file_formats import find_format
from riskbridge.model.file_settings import FileSettings
from riskbridge.model.source_model import SOURCE_MODELS, SourceModel
from riskbridge.model.target import ASSET_DRAFT, DETECTION_DRAFT
from riskbridge.store.config.store import ConfigStore

if TYPE_CHECKING:
    from riskbridge.pipeline.file_reading import FilePlan
    from riskbridge.source.file.source import FileSource

SOURCE_NAMES = {"defender": "MS Defender"}
"""Inventory names of sources by the kind of their connector; those of files are the connector's."""


@dataclass(frozen=True, slots=True)
class FileModels:
    """The data models of a connector's files, and which of their columns a file must have."""

    findings: SourceModel
    findings_needs: tuple[tuple[str, ...], ...]
    assets: SourceModel | None = None
    assets_needs: tuple[tuple[str, ...], ...] = ()


def source_name(connector: Connector) -> str:
    """What a connector's source is called in the inventory: ``inventory: (source: `Tenable`)``."""
    if connector.file is None:
        return SOURCE_NAMES[connector.kind]
    named = find_format(connector.file.format).source_name if connector.file.format else ""
    return connector.file.source_name or named or connector.name


def file_settings(connector: Connector) -> FileSettings:
    """The settings of a connector of files.

    Raises:
        InputError: `connector.no-files`: it reads a tenant.
    """
    if connector.file is None:
        raise InputError(
            f"'{connector.name}' reads no files.",
            code="connector.no-files",
            remedy="Choose a connector of kind file; riskbridge connector list shows the kinds.",
        )
    return connector.file


def find_models(store: ConfigStore, settings: FileSettings) -> FileModels:
    """The data models that settings name, or their format has.

    Raises:
        InputError: `file.unknown-format`, `model.unknown`, `file.bad-settings`: there is no model for some of the files.
    """
    known = find_format(settings.format) if settings.format else None
    findings = assets = None
    if settings.findings_model:
        findings = find_source_model(store, settings.findings_model)
    elif known is not None:
        findings = known.findings
    if findings is None:
        raise _no_model("findings")
    if settings.assets:
        if settings.assets_model:
            assets = find_source_model(store, settings.assets_model)
        elif known is not None:
            assets = known.assets
        if assets is None:
            raise _no_model("devices")
        if assets.stream == findings.stream:
            raise InputError(
                f"The data models '{findings.name}' and '{assets.name}' are of one stream, '{assets.stream}'.",
                code="file.bad-settings",
                remedy="Make them two: riskbridge model infer FILE --for assets",
            )
    own, own_assets = (known.needs, known.assets_needs) if known is not None else ((), ())
    return FileModels(
        findings,
        own if known is not None and findings == known.findings else _needs(findings),
        assets,
        own_assets if known is not None and assets == known.assets else _needs(assets),
    )


def reads_model(store: ConfigStore, connector: Connector, name: str) -> bool:
    """Whether a connector's runs read rows of that data model."""
    if connector.file is None:
        return name in {m.name for m in SOURCE_MODELS}
    try:
        models = find_models(store, connector.file)
    except InputError:
        return False
    return name in {m.name for m in (models.findings, models.assets) if m is not None}


def open_files(home: Path, store: ConfigStore, settings: FileSettings) -> FileSource:
    """The files as a source.

    Raises:
        InputError: As `find_models`.
    """
    from riskbridge.source.file.source import FileRole, FileSource  # noqa: PLC0415 - loads Arrow

    models = find_models(store, settings)
    roles = [FileRole(models.findings, settings.findings, models.findings_needs)]
    if models.assets is not None:
        roles.insert(0, FileRole(models.assets, settings.assets, models.assets_needs))
    return FileSource(settings, roles, home)


def plan_files(store: ConfigStore, connector: Connector) -> FilePlan:
    """What a run of the connector reads.

    Raises:
        InputError: As `find_models`.
    """
    from riskbridge.pipeline.file_reading import FilePlan  # noqa: PLC0415 - loads Ibis

    settings = file_settings(connector)
    models = find_models(store, settings)
    return FilePlan(
        models.findings,
        models.assets,
        known=_known_files(store, connector),
        scope=json.dumps([models.findings.name, models.assets and models.assets.name, settings.takes]),
    )


def require_mapped(store: ConfigStore, models: FileModels, transform_map: str) -> None:
    """Raise unless a map says what findings and devices of the files are.

    Raises:
        InputError: `map.unknown`.
        ConfigError: `transform.no-stream`.
    """
    found = find_map(store, transform_map)
    mapped = {(s.source.name, s.target.name) for s in found.streams}
    hosts = [models.findings, *([models.assets] if models.assets is not None else [])]
    missing = []
    if (models.findings.name, DETECTION_DRAFT.name) not in mapped:
        missing.append(f"{models.findings.name} to {DETECTION_DRAFT.name}")
    if not any((m.name, ASSET_DRAFT.name) in mapped for m in hosts):
        missing.append(f"{hosts[-1].name} to {ASSET_DRAFT.name}")
    if missing:
        raise ConfigError(
            f"The map '{found.name}' does not map {' and '.join(missing)}, which the files need.",
            code="transform.no-stream",
            remedy="Choose another map, or add the streams: riskbridge map show NAME",
        )


def _known_files(store: ConfigStore, connector: Connector) -> dict[str, str]:
    """Name to SHA-256 of the files that the connector's last published run read."""
    for record in store.list_runs(connector.connector_id, limit=50):
        if record.outcome in (RunOutcome.SUCCEEDED, RunOutcome.PARTIAL):
            files: list[Any] = [f for s in record.streams for f in s.get("files", [])]  # type: ignore[attr-defined]
            return {str(f["name"]): str(f["sha256"]) for f in files}
    return {}


def _needs(model: SourceModel | None) -> tuple[tuple[str, ...], ...]:
    """What a file must have by a person's own data model: every field that may not be empty."""
    return () if model is None else tuple((f.name,) for f in model.fields if f.required)


def _no_model(of: str) -> InputError:
    return InputError(
        f"Nothing says what the files of {of} hold.",
        code="file.bad-settings",
        remedy="Choose a format, or a data model made from a sample: riskbridge model infer FILE",
    )
