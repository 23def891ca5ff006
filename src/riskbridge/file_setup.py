"""Connectors of files as people set them up: checked, looked at, and kept; and data models made from samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskbridge.app import App
from riskbridge.connectors import UNTESTED
from riskbridge.data_models import find_source_model
from riskbridge.errors import ConfigError, InputError
from riskbridge.file_connectors import file_settings, find_models, open_files, require_mapped, source_name
from riskbridge.maps import list_users
from riskbridge.model.connector import Connector, Profile, connector_name, new_connector, new_profile
from riskbridge.model.file_formats import FILE_FORMATS, find_format
from riskbridge.model.file_settings import FileSettings, file_settings_of
from riskbridge.model.source_model import SourceModel, parse_model

if TYPE_CHECKING:
    from riskbridge.source.file.infer import InferredModel
    from riskbridge.source.file.source import FileLook

KIND = "file"


def list_formats() -> list[dict[str, Any]]:
    """Every ready-made format: `name`, `title`, `source_name`, `description`, `findings_model`, `assets_model`, `needs`."""
    return [
        {
            "name": f.name,
            "title": f.title,
            "source_name": f.source_name,
            "description": f.description,
            "findings_model": f.findings.name,
            "assets_model": f.assets.name if f.assets is not None else None,
            "transform_map": f.name,
            "needs": [list(group) for group in f.needs],
        }
        for f in FILE_FORMATS
    ]


def plan_connector(
    app: App,
    name: str,
    settings: FileSettings,
    *,
    transform_map: str = "",
    description: str = "",
    retain_missing: bool = False,
) -> tuple[Connector, Profile]:
    """A connector of files and its profile, checked; nothing is saved or read.

    Args:
        app: The home.
        name: Unique, in any letter case.
        settings: Which files, and as what.
        transform_map: How their rows are mapped; the format's own map where it is empty.
        description: What it is for.
        retain_missing: What files do not name keeps its status.

    Raises:
        InputError: `connector.bad-name`, `file.*`, `model.unknown`, `map.unknown`.
        ConfigError: `transform.no-stream`: the map says nothing of the files' data models.
    """
    connector = new_connector(name, description=description, kind=KIND, retain_missing=retain_missing, file=settings)
    profile = new_profile(connector, transform_map=transform_map or settings.format)
    check_settings(app, settings, profile)
    return connector, profile


def check_settings(app: App, settings: FileSettings, profile: Profile) -> None:
    """Raise what cannot be; errors as of `plan_connector`."""
    from riskbridge.source.file.files import require_readable_paths  # noqa: PLC0415 - loads Arrow

    require_readable_paths((*settings.findings, *settings.assets), app.settings.home)
    models = find_models(app.store, settings)
    if not profile.transform_map:
        raise InputError(
            "Nothing says how the files' rows are mapped.",
            code="file.no-map",
            remedy="Name a transform map; begin one with: riskbridge map new NAME --source MODEL",
        )
    require_mapped(app.store, models, profile.transform_map)


def add_connector(app: App, connector: Connector, profile: Profile) -> Connector:
    """Keep a connector of files, once they were looked at.

    Raises:
        InputError: `connector.exists`.
        RiskbridgeError: The first failed item of the look at the files.
    """
    app.require_free_name(connector.name)
    app.check_connector(connector).require_passed()
    return app.add_connector(connector, profile, client_secret="")


def plan_change(connector: Connector, changes: Mapping[str, Any]) -> Connector:
    """A connector of files with some values changed; nothing is saved.

    Args:
        connector: As it is.
        changes: Values by the names of `Connector` and of `FileSettings`.

    Raises:
        InputError: `connector.no-files`, `connector.bad-name`, `file.bad-settings`.
    """
    of_connector = {n: v for n, v in changes.items() if n in ("name", "description", "retain_missing")}
    if "name" in of_connector:
        of_connector["name"] = connector_name(of_connector["name"])
    of_files = {n: v for n, v in changes.items() if n not in of_connector}
    settings = file_settings_of(file_settings(connector).as_dict() | of_files)
    return replace(connector, file=settings, **of_connector)


def change_connector(app: App, before: Connector, after: Connector, profile: Profile | None = None) -> Connector:
    """Keep a changed connector of files; where its files or how they are read changed, once they were looked at.

    Raises:
        InputError: `connector.exists`, and those of `check_settings`.
        RiskbridgeError: The first failed item of the look at the files.
    """
    used = profile or app.store.get_profile(before.connector_id, None)
    check_settings(app, file_settings(after), used)
    was, now = asdict(before), asdict(after)
    if any(was[n] != now[n] for n in was.keys() - UNTESTED):
        app.check_connector(after).require_passed()
    return app.change_connector(after, profile)


def look_at_files(app: App, settings: FileSettings, *, rows: int = 10) -> dict[str, list[FileLook]]:
    """The beginning of the files, by stream: their columns and first rows; nothing is stored.

    Raises:
        RiskbridgeError: `file.*`, `model.unknown`.
    """
    models = find_models(app.store, settings)
    streams = [m.stream for m in (models.assets, models.findings) if m is not None]
    with open_files(app.settings.home, app.store, settings) as source:
        return {stream: source.look(stream, rows=rows) for stream in streams}


def shown_settings(connector: Connector) -> dict[str, Any]:
    """A connector's file settings as plain data, with what its source is called in the inventory."""
    return file_settings(connector).as_dict() | {"source_name": source_name(connector)}


def infer_from(app: App, path: str, settings: FileSettings, name: str, stream: str) -> InferredModel:
    """A data model from a sample file; nothing is stored.

    Args:
        app: The home.
        path: As a connector's settings would name it; of several the first.
        settings: How it is written.
        name: What to call the model.
        stream: `findings` or `assets`.

    Raises:
        RiskbridgeError: `file.*`: it cannot be read so.
    """
    from riskbridge.source.file.contents import FileContents  # noqa: PLC0415 - loads Arrow
    from riskbridge.source.file.files import find_files  # noqa: PLC0415
    from riskbridge.source.file.infer import infer_model  # noqa: PLC0415

    found: Path = find_files([path], takes=settings.takes, home=app.settings.home)[0]
    return infer_model(FileContents(found, settings.encoding), settings, name, stream)


def save_model(app: App, values: Mapping[str, Any], *, is_new: bool = False) -> SourceModel:
    """Keep a data model that a person made, in place of one of its name; maps that use it must still be right.

    Args:
        app: The home.
        values: As `parse_model` takes them.
        is_new: None of that name may be there yet.

    Raises:
        InputError: `model.invalid`, `model.read-only`, `model.exists`, `model.in-use`: a map would not fit any more.
    """
    model = parse_model(values)
    nested = [f.name for f in model.fields if f.children]
    if nested:
        raise InputError(
            f"The data model '{model.name}' cannot be used: '{nested[0]}' has members, and rows of files have none.",
            code="model.invalid",
            remedy="Name members by their path, such as asset.name, each as a field of its own.",
        )
    _require_own(app, model.name)
    _require_fitting_maps(app, model)
    app.store.data_models.save_model(model, is_new=is_new)
    return model


def delete_model(app: App, name: str) -> None:
    """Forget a data model that no map and no connector needs.

    Raises:
        InputError: `model.unknown`, `model.read-only`, `model.in-use`.
    """
    model = find_source_model(app.store, name)
    _require_own(app, model.name)
    users = [f"the map '{m.name}'" for m in app.store.maps.list_maps() if model.name in _sources(m.body)]
    users += [f"the connector '{c.name}'" for c in app.store.list_connectors() if _reads(c, model.name)]
    if users:
        raise InputError(
            f"The data model '{model.name}' is needed by {', '.join(users[:5])}.",
            code="model.in-use",
            remedy="Change or delete these first.",
        )
    app.store.data_models.delete_model(model.name)


def _require_own(app: App, name: str) -> None:
    known = {
        m.name.casefold() for m in (f for fmt in FILE_FORMATS for f in (fmt.findings, fmt.assets)) if m is not None
    }
    own = app.store.data_models.find_model(name)
    if own is None and (name.casefold() in known or name.casefold().startswith("defender.")):
        raise InputError(
            f"The data model '{name}' came with riskbridge and cannot be changed.",
            code="model.read-only",
            remedy="Choose another name for your own.",
        )


def _require_fitting_maps(app: App, model: SourceModel) -> None:
    from riskbridge.data_models import list_source_models  # noqa: PLC0415
    from riskbridge.transform.spec import parse_values  # noqa: PLC0415 - loads Ibis

    models = [m for m in list_source_models(app.store) if m.name.casefold() != model.name.casefold()]
    for found in app.store.maps.list_maps():
        if model.name not in _sources(found.body):
            continue
        try:
            parse_values({**found.body, "name": found.name, "version": str(found.version)}, [*models, model])
        except ConfigError as error:
            used = ", ".join(list_users(app.store).get(found.name, [])) or "no profile"
            raise InputError(
                f"The data model '{model.name}' would break the map '{found.name}' (used by {used}): {error.message}",
                code="model.in-use",
                remedy="Keep the fields that the map reads, or change the map first.",
            ) from error


def _sources(body: Mapping[str, Any]) -> set[str]:
    return {str(s.get("source")) for s in body.get("stream", []) if isinstance(s, Mapping)}


def _reads(connector: Connector, model: str) -> bool:
    if connector.file is None:
        return False
    named = {connector.file.findings_model, connector.file.assets_model}
    known = find_format(connector.file.format) if connector.file.format else None
    built_in = {m.name for m in (known.findings, known.assets) if m is not None} if known is not None else set()
    return model in named | built_in
