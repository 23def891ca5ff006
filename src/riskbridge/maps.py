"""Transform maps as people keep them: the built-in ones, which cannot be changed, and their own, in versions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from riskbridge.data_models import list_source_models
from riskbridge.errors import ConfigError, InputError
from riskbridge.model.connector import Strategy
from riskbridge.model.source_model import (
    MACHINES,
    MACHINES_VULNERABILITIES,
    SOFTWARE_INVENTORY,
    VULNERABILITIES,
    VULNERABILITIES_BY_MACHINE,
    VULNERABILITIES_EXPORT,
    VULNERABILITY_CHANGES,
)

if TYPE_CHECKING:
    from riskbridge.model.connector import Profile
    from riskbridge.model.map_version import MapVersion
    from riskbridge.store.config.store import ConfigStore
    from riskbridge.transform.spec import TransformMap

LONGEST_NOTE = 2000
"""Characters of what a person says of a version."""
_ANY_OF = (VULNERABILITIES_BY_MACHINE, VULNERABILITIES_EXPORT, VULNERABILITY_CHANGES, MACHINES_VULNERABILITIES)
_STREAMS = {
    Strategy.PAGED.value: (MACHINES_VULNERABILITIES,),
    Strategy.EXPORT_JSON.value: (VULNERABILITIES_BY_MACHINE,),
    Strategy.EXPORT_FILES.value: (VULNERABILITIES_EXPORT,),
}


def list_summaries(store: ConfigStore) -> list[dict[str, Any]]:
    """Every map, the built-in ones first, each with its newest version and who uses it; JSON can hold it."""
    from riskbridge.transform.spec import list_maps, load_map  # noqa: PLC0415 - loads Ibis

    users = list_users(store)
    rows = []
    for name in list_maps():
        built_in = load_map(name)
        values = {"version": built_in.version, "description": built_in.description, "is_read_only": True}
        rows.append({"name": name, **values, "saved_at": None, "saved_by": None, "used_by": users.get(name, [])})
    return rows + [
        {
            "name": m.name,
            "version": str(m.version),
            "description": m.body.get("description", ""),
            "is_read_only": False,
            "saved_at": m.saved_at.isoformat(),
            "saved_by": m.saved_by,
            "used_by": users.get(m.name, []),
        }
        for m in store.maps.list_maps()
    ]


def list_users(store: ConfigStore) -> dict[str, list[str]]:
    """`connector/profile` of the profiles that name a map, by map."""
    users: dict[str, list[str]] = {}
    for connector in store.list_connectors():
        for profile in store.list_profiles(connector.connector_id):
            users.setdefault(profile.transform_map, []).append(f"{connector.name}/{profile.name}")
    return users


def is_built_in(name: str) -> bool:
    """Whether the map came with the product."""
    from riskbridge.transform.spec import list_maps  # noqa: PLC0415 - loads Ibis

    return name in list_maps()


def find_map(store: ConfigStore, name: str, version: int | None = None) -> TransformMap:
    """A map by name, its newest version or that one.

    Raises:
        InputError: `map.unknown`, with the nearest names or the versions there are.
        ConfigError: `transform.invalid`: its data model was changed since it was saved.
    """
    from riskbridge.transform.spec import list_maps, load_map  # noqa: PLC0415 - loads Ibis

    if name in list_maps():
        built_in = load_map(name)
        if version is None or str(version) == built_in.version:
            return built_in
    found = store.maps.find_map(name) if version is None else store.maps.find_version(name, version)
    if found is None:
        raise _unknown(store, name, version)
    return replace(_parse(store, found), is_read_only=is_built_in(name))


def find_labelled(store: ConfigStore, label: str) -> TransformMap | None:
    """The map that a run recorded as `name/version`; None where it is kept no more."""
    name, _, version = label.partition("/")
    if not version.isdigit():
        return None
    try:
        return find_map(store, name, int(version))
    except (InputError, ConfigError):
        return None


def read_draft(store: ConfigStore, draft: str | Mapping[str, Any]) -> TransformMap:
    """A map that is not saved, from its TOML or JSON text or its plain data, checked.

    Raises:
        ConfigError: `transform.invalid`, with every fault, its row and its remedy.
    """
    from riskbridge.transform.spec import parse_map, parse_values  # noqa: PLC0415 - loads Ibis

    models = list_source_models(store)
    return parse_map(draft, models) if isinstance(draft, str) else parse_values(draft, models)


def save_map(
    store: ConfigStore, draft: str | Mapping[str, Any], *, note: str = "", expected: int | None = None
) -> MapVersion:
    """Check a map and keep it as a new version; a map that is not right is not kept.

    Args:
        store: Where maps are kept; the audit log says who.
        draft: As in `read_draft`.
        note: What to say of it.
        expected: The version that this is an edit of, 0 for a new map; None takes whatever there is.

    Raises:
        ConfigError: `transform.invalid`.
        InputError: `map.read-only`, `map.exists`, `map.stale`, `map.note`.
    """
    from riskbridge.transform.plain import map_as_dict  # noqa: PLC0415 - loads Ibis

    checked = read_draft(store, draft)
    if is_built_in(checked.name):
        raise _read_only(checked.name)
    if len(note) > LONGEST_NOTE:
        raise InputError(
            f"The note has {len(note):,} characters, and {LONGEST_NOTE:,} are the most.",
            code="map.note",
            remedy="Shorten it.",
        )
    body = {k: v for k, v in map_as_dict(checked).items() if k not in ("name", "version")}
    return store.maps.save_map(checked.name, body, note=note.strip(), expected=expected)


def clone_map(store: ConfigStore, name: str, new_name: str) -> MapVersion:
    """Keep a copy of a map under another name, open to change.

    Raises:
        InputError: `map.unknown`, `map.exists`.
        ConfigError: `transform.invalid`: the new name is none.
    """
    from riskbridge.transform.plain import map_as_dict  # noqa: PLC0415 - loads Ibis

    source = find_map(store, name)
    copied = map_as_dict(source.clone(new_name))
    return save_map(store, copied, note=f"cloned from {name}/{source.version}", expected=0)


def delete_map(store: ConfigStore, name: str, *, expected: int | None = None) -> None:
    """Delete a map that no profile names; what its versions made stays explained.

    Raises:
        InputError: `map.unknown`, `map.read-only`, `map.in-use`, `map.stale`.
    """
    if is_built_in(name):
        raise _read_only(name)
    store.maps.delete_map(name, expected=expected)


def draft_map(store: ConfigStore, name: str, sources: list[str], targets: list[str]) -> dict[str, Any]:
    """The beginning of a map, as plain data: a row for each target field that a source field is named like.

    It need not be right yet: what is missing is told when it is saved.

    Raises:
        InputError: `model.unknown`; `map.unknown-target`.
    """
    from riskbridge.data_models import find_source_model  # noqa: PLC0415
    from riskbridge.transform.rows import TARGETS  # noqa: PLC0415 - loads Ibis
    from riskbridge.transform.suggest import suggest_rows  # noqa: PLC0415

    unknown = [t for t in targets if t not in TARGETS]
    if unknown:
        raise InputError(
            f"There is no target '{unknown[0]}'.",
            code="map.unknown-target",
            remedy=f"Choose among: {', '.join(TARGETS)}.",
        )
    streams = []
    for source in sources:
        model = find_source_model(store, source)
        streams += [
            {"source": model.name, "target": target, "row": suggest_rows(model, TARGETS[target])} for target in targets
        ]
    return {"name": name, "description": "", "stream": streams}


def require_map(store: ConfigStore, profile: Profile, kind: str = "defender") -> TransformMap:
    """The map of a profile, which says what every stream that its runs may read is mapped to.

    Raises:
        InputError: `map.unknown`.
        ConfigError: `transform.no-stream`: a stream is missing.
    """
    found = find_map(store, profile.transform_map)
    sources = {s.source.name for s in found.streams}
    needed = _needed(profile) if kind == "defender" else ()
    missing = [m.name for m in needed if m.name not in sources]
    if missing:
        raise ConfigError(
            f"The map '{found.name}' says nothing of {', '.join(missing)}, which the profile '{profile.name}' reads.",
            code="transform.no-stream",
            remedy="Choose another map, or add the streams; a clone of a built-in map has them all.",
        )
    return found


def _needed(profile: Profile) -> tuple[Any, ...]:
    findings = _STREAMS.get(profile.strategy, _ANY_OF)
    return (MACHINES, *findings, VULNERABILITIES, *((SOFTWARE_INVENTORY,) if profile.has_software else ()))


def keep_for_run(store: ConfigStore, used: TransformMap) -> str:
    """Make sure that the version a run works with can be told later; gives its label, `name/version`."""
    from riskbridge.transform.plain import map_as_dict  # noqa: PLC0415 - loads Ibis

    if used.is_read_only:
        body = {k: v for k, v in map_as_dict(used).items() if k not in ("name", "version")}
        store.maps.keep_version(used.name, int(used.version), body)
    return f"{used.name}/{used.version}"


def choose_label(store: ConfigStore, profile: Profile, kind: str) -> str:
    """The newest version of a profile's map, kept to be told later; empty where the map is not right, which the run tells."""
    try:
        return keep_for_run(store, require_map(store, profile, kind))
    except (InputError, ConfigError):
        return ""


def _parse(store: ConfigStore, found: MapVersion) -> TransformMap:
    from riskbridge.transform.spec import parse_values  # noqa: PLC0415 - loads Ibis

    values = {**found.body, "name": found.name, "version": str(found.version)}
    return parse_values(values, list_source_models(store))


def _read_only(name: str) -> InputError:
    return InputError(
        f"The map '{name}' came with riskbridge and cannot be changed.",
        code="map.read-only",
        remedy=f"Clone it, and change the clone: riskbridge map clone {name} NEW-NAME",
    )


def _unknown(store: ConfigStore, name: str, version: int | None) -> InputError:
    versions = [str(v.version) for v in store.maps.list_versions(name)]
    if version is not None and versions:
        return InputError(
            f"The transform map '{name}' has no version {version}.",
            code="map.unknown",
            remedy=f"There are: {', '.join(versions[:20])}.",
        )
    names = [str(m["name"]) for m in list_summaries(store)]
    near = difflib.get_close_matches(name.lower(), names, n=3)
    remedy = f"Did you mean: {', '.join(near)}?" if near else f"There are: {', '.join(names[:10])}."
    return InputError(f"There is no transform map named '{name}'.", code="map.unknown", remedy=remedy)
