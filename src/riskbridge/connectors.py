"""Connectors and their profiles as people change them: checked, and where a login changes tested, before they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.file_connectors import find_models, require_mapped
from riskbridge.maps import require_map
from riskbridge.model.connector import Connector, Profile, Strategy, connector_name, new_profile, profile_name

UNTESTED = frozenset({"name", "description", "retain_missing", "calls_per_minute", "secret_expires_on"})
"""What of a connector may change without its connection being tested anew."""
HOSTS = ("login_url", "api_url", "audience")
MOST_PROFILES = 200
LARGEST_PAGE = 200_000


@dataclass(frozen=True, slots=True)
class ConnectorPlan:
    """A change of a connector that is not saved yet; `client_secret` is a new one, None keeps the saved one."""

    before: Connector
    after: Connector
    client_secret: str | None = None

    @property
    def is_test_needed(self) -> bool:
        """Whether the change touches how the source is reached."""
        before, after = asdict(self.before), asdict(self.after)
        return self.client_secret is not None or any(before[n] != after[n] for n in before.keys() - UNTESTED)


def plan_connector(
    connector: Connector, changes: Mapping[str, Any], *, client_secret: str | None = None, cloud: str | None = None
) -> ConnectorPlan:
    """A connector with some values changed; nothing is saved.

    Args:
        connector: As it is.
        changes: Values by the names of `Connector`.
        client_secret: A new secret or reference; None keeps the saved one, "" forgets it.
        cloud: Gives those hosts that `changes` does not name.

    Raises:
        InputError: `connector.bad-name`, `cloud.unknown`.
    """
    changes = dict(changes)
    if "name" in changes:
        changes["name"] = connector_name(changes["name"])
    if cloud is not None:
        from riskbridge.source.defender.clouds import find_cloud  # noqa: PLC0415 - loads httpx

        hosts = find_cloud(cloud)
        changes = {n: getattr(hosts, n) for n in HOSTS} | changes
    return ConnectorPlan(connector, replace(connector, **changes), client_secret)


def require_tested(app: App, plan: ConnectorPlan) -> None:
    """Test the connection where the change touches it.

    Raises:
        ConfigError: The first failed item of the test.
    """
    if plan.is_test_needed:
        app.check_connector(plan.after, client_secret=plan.client_secret).require_passed()


def save_connector(app: App, plan: ConnectorPlan) -> Connector:
    """Keep a planned change; the audit log has who and when.

    Raises:
        InputError: `connector.exists`: another connector has the name.
    """
    return app.change_connector(plan.after, client_secret=plan.client_secret)


def add_profile(app: App, connector: Connector, name: str, values: Mapping[str, Any]) -> Profile:
    """Keep a further profile of a connector.

    Args:
        app: The home.
        connector: Whose.
        name: Unique within the connector, in any letter case.
        values: Values by the names of `Profile`; the others are as built in.

    Raises:
        InputError: `profile.bad-name`, `profile.exists`, `profile.too-many`, `profile.bad-value`, `filter.*`.
        InputError: `map.unknown`.
    """
    if len(app.store.list_profiles(connector.connector_id)) >= MOST_PROFILES:
        raise InputError(
            f"'{connector.name}' has {MOST_PROFILES} profiles already.",
            code="profile.too-many",
            remedy="Delete one first: riskbridge profile delete CONNECTOR PROFILE",
        )
    profile = new_profile(connector, name, **values)
    check_profile(app, profile)
    app.store.save_profile(profile)
    return profile


def change_profile(app: App, profile: Profile, changes: Mapping[str, Any]) -> Profile:
    """Keep other values of a profile.

    Args:
        app: The home.
        profile: As it is.
        changes: Values by the names of `Profile`.

    Raises:
        InputError: `profile.bad-name`, `profile.exists`, `profile.bad-value`, `filter.*`.
        InputError: `map.unknown`.
    """
    changes = dict(changes)
    if "name" in changes:
        changes["name"] = profile_name(changes["name"])
    changed = replace(profile, **changes)
    check_profile(app, changed)
    app.store.save_profile(changed)
    return changed


def check_profile(app: App, profile: Profile) -> None:
    """Raise what is wrong with a profile: its filters, map, strategy or page size.

    Raises:
        InputError: `filter.*`, with the place; `profile.bad-value`; `map.unknown`.
        ConfigError: `transform.no-stream`: the map lacks what the profile reads.
    """
    from riskbridge.source.defender.filters import check_filters  # noqa: PLC0415 - loads the grammar

    check_filters(profile.device_filter, profile.finding_filter)
    words = [s.value for s in Strategy]
    if profile.strategy not in words:
        raise InputError(
            f"Findings cannot be fetched by '{profile.strategy}'.",
            code="profile.bad-value",
            remedy=f"Choose one of: {', '.join(words)}.",
        )
    found = next((c for c in app.store.list_connectors() if c.connector_id == profile.connector_id), None)
    require_map(app.store, profile, "defender" if found is None else found.kind)
    if found is not None and found.file is not None:
        require_mapped(app.store, find_models(app.store, found.file), profile.transform_map)
    if profile.page_size is not None and not 1 <= profile.page_size <= LARGEST_PAGE:
        raise InputError(
            f"A page cannot have {profile.page_size:,} rows.",
            code="profile.bad-value",
            remedy=f"Give 1 to {LARGEST_PAGE:,}, or none for the server's own pages.",
        )
