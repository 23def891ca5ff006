"""What a draft becomes: a connector of a tenant, or one of files; each with its fields, its test, and how it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, Protocol, TypeAlias

from pydantic import BaseModel, ValidationError

from riskbridge import file_setup
from riskbridge.api import connectors as over_connectors
from riskbridge.api.files import FileConnectorShape, FilesShape, require_paths
from riskbridge.api.shapes import ConnectorShape, ProfileShape
from riskbridge.app import App
from riskbridge.connectors import change_profile, check_profile
from riskbridge.errors import InputError
from riskbridge.model.connector import Connector, Profile, profile_name
from riskbridge.model.draft import Draft
from riskbridge.model.file_settings import FileSettings
from riskbridge.preview import count_matches
from riskbridge.service import Service

LOGIN = (
    *("cloud", "tenant_id", "client_id", "client_secret", "login_url", "api_url", "audience", "certificate"),
    *("federated_token_file", "managed_identity", "ca_bundle", "proxy"),
)
"""Fields that the connection test of a tenant is of."""
PROFILE = ("transform_map", "device_filter", "finding_filter", "strategy", "page_size", "has_software", "is_active")
_SHARED = ("device_filter", "finding_filter", "strategy", "page_size", "has_software")
"""Fields of a first profile that a connector's shape holds too."""
_PROFILE_NAMES = {"name": "profile_name", "description": "profile_description"}
_BLANKABLE = frozenset({"description", "profile_description", "qualifier"})
"""Fields whose blank says something."""
Shapes: TypeAlias = tuple[tuple[type[BaseModel], Mapping[str, str]], ...]
_PATHS = frozenset({"findings", "assets"})


class DraftKind(Protocol):
    """A kind of draft."""

    @property
    def tested(self) -> tuple[str, ...]:
        """Fields that the connection test is of."""

    @property
    def shapes(self) -> Shapes:
        """What its values are checked as, each with the names that some of its fields have in a draft."""

    def check(self, service: Service, draft: Draft) -> dict[str, Any]:
        """What the connection test says, as plain data; raises where there is nothing to test yet."""

    def check_rest(self, service: Service, app: App, draft: Draft) -> None:
        """Raise what else cannot be saved."""

    def save(self, service: Service, app: App, draft: Draft, actor: str) -> Connector:
        """Keep the connector with its profile, tested once more."""

    def count(self, service: Service, draft: Draft) -> dict[str, Any]:
        """How many devices and findings its filters keep at the source."""


class TenantDraft:
    """A connector of a Defender tenant."""

    tested = LOGIN
    shapes: Shapes = ((ConnectorShape, {}), (ProfileShape, _PROFILE_NAMES))

    def check(self, service: Service, draft: Draft) -> dict[str, Any]:
        """Ask the tenant; the profile is not looked at."""
        values = {n: v for n, v in draft.values.items() if n not in PROFILE}
        return over_connectors.check(service, self._shape(replace(draft, values={"name": "draft", **values})))

    def check_rest(self, service: Service, app: App, draft: Draft) -> None:
        """The name is free, and the profile can be."""
        shape = self._shape(draft)
        app.require_free_name(shape.name)
        _, profile = over_connectors.make_connector(service, shape)
        check_profile(app, replace(profile, **_profile_changes(draft)))

    def save(self, service: Service, app: App, draft: Draft, actor: str) -> Connector:
        """Keep the connector with its profile, tested once more."""
        connector = over_connectors.add(service, self._shape(draft), actor=actor)
        change_profile(app, app.store.list_profiles(connector.connector_id)[0], _profile_changes(draft))
        return connector

    def count(self, service: Service, draft: Draft) -> dict[str, Any]:
        """Ask the tenant how many match."""
        shape = self._shape(replace(draft, values={"name": "draft", **draft.values}))
        connector, profile = over_connectors.make_connector(service, shape)
        return count_matches(service.app, replace(connector, client_secret=shape.client_secret), profile)

    def _shape(self, draft: Draft) -> ConnectorShape:
        return ConnectorShape.model_validate(given_values(draft, ConnectorShape, {}))


class FilesDraft:
    """A connector of files."""

    tested = tuple(FilesShape.model_fields)
    shapes: Shapes = ((FileConnectorShape, {}), (ProfileShape, _PROFILE_NAMES))

    def check(self, service: Service, draft: Draft) -> dict[str, Any]:
        """Look at the files."""
        connector, _ = self._plan(service, service.app, replace(draft, values={**draft.values, "name": "draft"}))
        report = service.app.check_connector(connector)
        return {"ok": report.is_ok, "items": [asdict(i) for i in report.items]}

    def check_rest(self, service: Service, app: App, draft: Draft) -> None:
        """The name is free, and map and models fit the files."""
        connector, _ = self._plan(service, app, draft)
        app.require_free_name(connector.name)

    def save(self, service: Service, app: App, draft: Draft, actor: str) -> Connector:  # noqa: ARG002 - `app` knows who
        """Keep the connector with its profile, its files looked at once more."""
        return file_setup.add_connector(app, *self._plan(service, app, draft))

    def count(self, service: Service, draft: Draft) -> dict[str, Any]:  # noqa: ARG002 - of every kind
        """Refused: files have no filters.

        Raises:
            InputError: `connector.no-tenant`.
        """
        raise InputError(
            "Files have no filters, so there is nothing to count.",
            code="connector.no-tenant",
            remedy="Look at the files with the draft's test.",
        )

    def _plan(self, service: Service, app: App, draft: Draft) -> tuple[Connector, Profile]:
        shape = FileConnectorShape.model_validate(given_values(draft, FileConnectorShape, {}))
        require_paths(service, shape.settings())
        connector, profile = file_setup.plan_connector(
            app,
            shape.name,
            shape.settings(),
            transform_map=shape.transform_map,
            description=shape.description,
            retain_missing=shape.retain_missing,
        )
        of_profile = ProfileShape.model_validate(given_values(draft, ProfileShape, _PROFILE_NAMES))
        return connector, replace(
            profile,
            name=profile_name(of_profile.name),
            description=of_profile.description,
            is_active=of_profile.is_active,
        )


KINDS: Final[dict[str, DraftKind]] = {"connector": TenantDraft(), "file": FilesDraft()}
"""Kinds of drafts by name."""


def files_of(draft: Draft) -> FileSettings | None:
    """The files that a draft names, and how they are written; None where that cannot be, as it is typed so far."""
    try:
        return FilesShape.model_validate(given_values(draft, FilesShape, {})).settings()
    except (ValidationError, InputError):
        return None


def kind_of(draft: Draft) -> DraftKind:
    """What a draft becomes."""
    return KINDS[draft.kind]


def field_name(shape_names: Mapping[str, str], name: str) -> str:
    """The name that a shape's field has in a draft."""
    return shape_names.get(name, name)


def given_values(draft: Draft, shape: type[BaseModel], names: Mapping[str, str]) -> dict[str, Any]:
    """A draft's values under the names of a shape; blank ones count as left out, paths may be one text with commas."""
    values: dict[str, Any] = {"profile_name": "default", **draft.values, **draft.secrets}
    found = {name: values[field_name(names, name)] for name in shape.model_fields if field_name(names, name) in values}
    found = {n: v for n, v in found.items() if v != "" or n in _BLANKABLE}
    texts = {n: v for n, v in found.items() if n in _PATHS and isinstance(v, str)}
    return found | {n: [p.strip() for p in v.split(",") if p.strip()] for n, v in texts.items()}


def _profile_changes(draft: Draft) -> dict[str, Any]:
    shape = ProfileShape.model_validate(given_values(draft, ProfileShape, _PROFILE_NAMES))
    values = shape.model_dump(mode="json", exclude=set(_SHARED))
    return {name: value for name, value in values.items() if name in Profile.__dataclass_fields__}
