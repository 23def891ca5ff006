"""Profiles of connectors over REST: what one run fetches, and what filters would keep before they are saved."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Response, status

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.shapes import (
    CloudShown,
    FilterChecked,
    FilterShape,
    FilterTry,
    MatchesShown,
    OutOfScopeShown,
    ProfileEdit,
    ProfileShape,
    ProfileShown,
    Rows,
)
from riskbridge.connectors import add_profile, change_profile
from riskbridge.model.connector import Connector, Profile
from riskbridge.preview import count_matches, find_out_of_scope
from riskbridge.service import Service
from riskbridge.store.config.store import ConfigStore

router = APIRouter(tags=["profiles"])


@router.get("/clouds")
def list_clouds(_: Asked) -> Rows[CloudShown]:
    """Microsoft's clouds and regions, with the hosts of each."""
    from riskbridge.source.defender.clouds import CLOUDS  # noqa: PLC0415 - loads httpx

    return Rows.of([CloudShown(name=n, **asdict(cloud)) for n, cloud in CLOUDS.items()])


@router.post("/filters/check")
def check_filter(_: Asked, shape: FilterShape) -> FilterChecked:
    """Check OData filters; a mistake comes back with its position and the nearest right name."""
    from riskbridge.source.defender.filters import check_filters  # noqa: PLC0415 - loads the grammar

    check_filters(shape.device_filter, shape.finding_filter)
    return FilterChecked(ok=True)


@router.post("/connectors/{name}/count")
def count(_: Asked, service: Served, name: str, shape: FilterTry) -> MatchesShown:
    """Count how many devices and findings filters keep at the source; nothing is saved."""
    connector, profile = _tried(service, name, shape)
    return MatchesShown.model_validate(count_matches(service.app, connector, profile))


@router.post("/connectors/{name}/out-of-scope")
def out_of_scope(_: Asked, service: Served, name: str, shape: FilterTry) -> OutOfScopeShown:
    """Which stored devices and findings a device filter would no longer reach; nothing is saved."""
    connector, profile = _tried(service, name, shape)
    fork = service.app.fork()  # the source takes its time, and readers are few
    try:
        return OutOfScopeShown.model_validate(find_out_of_scope(fork, connector, profile))
    finally:
        fork.close()


@router.get("/connectors/{name}/profiles")
def list_profiles(_: Asked, service: Served, name: str) -> Rows[ProfileShown]:
    """A connector's profiles, by name."""
    connector = service.app.store.get_connector(name)
    return Rows.of([_shown(p) for p in service.app.store.list_profiles(connector.connector_id)])


@router.post("/connectors/{name}/profiles", status_code=status.HTTP_201_CREATED)
def make_profile(caller: Asked, service: Served, name: str, shape: ProfileShape, response: Response) -> ProfileShown:
    """Save a further profile."""
    with service.editing(caller.account.name) as store:
        app = service.app.acting_as(caller.account.name)
        values = shape.model_dump(exclude={"name"}, mode="json")
        profile = add_profile(app, store.get_connector(name), shape.name, _without_blanks(values))
    return _show(profile, response)


@router.get("/connectors/{name}/profiles/{profile}")
def show_profile(_: Asked, service: Served, name: str, profile: str, response: Response) -> ProfileShown:
    """One profile, by its name or id."""
    return _show(_find(service.app.store, name, profile)[1], response)


@router.patch("/connectors/{name}/profiles/{profile}")
def edit_profile(
    caller: Asked,
    service: Served,
    name: str,
    profile: str,
    edit: ProfileEdit,
    response: Response,
    if_match: IfMatch = None,
) -> ProfileShown:
    """Change a profile; the next run of it goes by what it then says."""
    with service.editing(caller.account.name) as store:
        connector, found = _find(store, name, profile)
        _require_unchanged(store, connector, found, if_match)
        changes = edit.model_dump(exclude_unset=True, mode="json")
        changed = change_profile(service.app.acting_as(caller.account.name), found, _without_blanks(changes))
    return _show(changed, response)


@router.delete("/connectors/{name}/profiles/{profile}", status_code=status.HTTP_204_NO_CONTENT)
def delete_profile(caller: Asked, service: Served, name: str, profile: str, if_match: IfMatch = None) -> None:
    """Delete a profile; records of its runs and what they found stay."""
    with service.editing(caller.account.name) as store:
        connector, found = _find(store, name, profile)
        _require_unchanged(store, connector, found, if_match)
        store.delete_profile(connector.connector_id, found.name)


def _find(store: ConfigStore, name: str, profile: str) -> tuple[Connector, Profile]:
    connector = store.get_connector(name)
    return connector, store.get_profile(connector.connector_id, profile)


def _tried(service: Service, name: str, shape: FilterTry) -> tuple[Connector, Profile]:
    connector = service.app.store.get_connector(name)
    profile = service.app.store.get_profile(connector.connector_id, shape.profile)
    tried: dict[str, Any] = shape.model_dump(exclude={"profile"}, exclude_none=True)
    changes: dict[str, Any] = {n: v or None for n, v in tried.items()}
    return connector, replace(profile, **changes)


def _require_unchanged(store: ConfigStore, connector: Connector, profile: Profile, if_match: str | None) -> None:
    require_match(
        if_match,
        _shown(profile),
        f"The profile '{profile.name}' of '{connector.name}'",
        change=store.find_change("profile", f"{connector.name}/{profile.name}"),
    )


def _without_blanks(values: dict[str, object]) -> dict[str, object]:
    """A filter of nothing but blanks is none."""
    filters = ("device_filter", "finding_filter")
    return {n: (str(v).strip() or None) if n in filters and v is not None else v for n, v in values.items()}


def _show(profile: Profile, response: Response) -> ProfileShown:
    shown = _shown(profile)
    set_tag(response, shown)
    return shown


def _shown(profile: Profile) -> ProfileShown:
    return ProfileShown.model_validate(asdict(profile))
