"""Connectors over REST: what there is, the connection test, adding one."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Response, status

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag, tag_of
from riskbridge.api.shapes import CheckShown, ConnectorEdit, ConnectorShape, ConnectorShown, MatchesShown, Rows
from riskbridge.connectors import plan_connector, require_tested, save_connector
from riskbridge.errors import InputError
from riskbridge.model.connector import Connector, Profile, new_connector, new_profile
from riskbridge.model.run import RunRecord
from riskbridge.preview import count_matches
from riskbridge.security.file_folders import FileFolders, secret_file
from riskbridge.service import Service
from riskbridge.store.config.store import ConfigStore

router = APIRouter(tags=["connectors"])
_FILES = (
    ("The certificate", "certificate"),
    ("The token file", "federated_token_file"),
    ("The CA bundle", "ca_bundle"),
)


def shown(service: Service, connector: Connector) -> dict[str, Any]:
    """A connector as it may be shown: where it stands and its profiles, never its secret."""
    values = {k: v for k, v in asdict(connector).items() if k != "client_secret"}
    profiles = [asdict(p) for p in service.app.store.list_profiles(connector.connector_id)]
    standing = service.standing_of(connector.name).as_dict()
    return {**values, "has_secret": bool(connector.client_secret), **standing, "profiles": profiles}


def show(service: Service, connector: Connector, response: Response) -> ConnectorShown:
    """A connector as the API shows it, with the ETag of what is kept of it."""
    set_tag(response, asdict(connector))
    return ConnectorShown.model_validate(shown(service, connector))


def require_unchanged(service: Service, store: ConfigStore, connector: Connector, if_match: str | None) -> None:
    """Raise unless an edit is of the connector as it is kept now.

    Raises:
        InputError: `edit.no-tag`, `edit.stale`.
    """
    require_match(
        if_match,
        asdict(connector),
        f"The connector '{connector.name}'",
        shown=shown(service, connector),
        change=store.find_change("connector", connector.name),
    )


def run_as_dict(record: RunRecord) -> dict[str, Any]:
    """A run's record as plain data; `seconds` is how long it took, null while it runs."""
    seconds = (record.ended_at - record.started_at).total_seconds() if record.ended_at else None
    values = asdict(record) | {"outcome": record.outcome.value, "seconds": seconds}
    times = ("started_at", "observed_at", "ended_at", "due_at")
    return values | {n: values[n].isoformat() if values[n] else None for n in times}


def require_files(service: Service, shape: ConnectorShape | ConnectorEdit, before: Connector | None = None) -> None:
    """Raise where files are named that callers over the network may not name; what a connector has already may stay.

    Raises:
        InputError: `file.not-allowed`, `file.bad-path`.
    """
    named = [(what, getattr(shape, name)) for what, name in _FILES]
    kept = [getattr(before, name) for _, name in _FILES] + [secret_file(before.client_secret)] if before else []
    # The simulator's authority is no secret, and what a trial connects with.
    simulators = str(service.app.settings.simulator_path / "ca.pem")
    secret = ("The secret's file", secret_file(shape.client_secret))
    FileFolders.of(service.app.settings).require([secret, *named], kept=[*kept, simulators])


def make_connector(service: Service, shape: ConnectorShape) -> tuple[Connector, Profile]:
    """The connector and profile that a shape describes.

    Raises:
        RiskbridgeError: `cloud.unknown`, `filter.*`, `connector.*`, `file.not-allowed`: what cannot be.
    """
    from riskbridge.source.defender.clouds import find_cloud  # noqa: PLC0415 - loads httpx
    from riskbridge.source.defender.filters import check_filters  # noqa: PLC0415

    require_files(service, shape)
    hosts = find_cloud(shape.cloud)
    check_filters(shape.device_filter, shape.finding_filter)
    connector = new_connector(
        shape.name,
        description=shape.description,
        tenant_id=shape.tenant_id,
        client_id=shape.client_id,
        login_url=shape.login_url or hosts.login_url,
        api_url=shape.api_url or hosts.api_url,
        audience=shape.audience or hosts.audience,
        certificate=shape.certificate or None,
        ca_bundle=shape.ca_bundle or None,
        proxy=shape.proxy or None,
        retain_missing=shape.retain_missing,
        federated_token_file=shape.federated_token_file or None,
        managed_identity=shape.managed_identity or None,
        calls_per_minute=shape.calls_per_minute,
        secret_expires_on=shape.secret_expires_on.isoformat() if shape.secret_expires_on else None,
    )
    profile = new_profile(
        connector,
        device_filter=shape.device_filter or None,
        finding_filter=shape.finding_filter or None,
        page_size=shape.page_size,
        strategy=shape.strategy.value,
        has_software=shape.has_software,
    )
    return connector, profile


def check(service: Service, shape: ConnectorShape) -> dict[str, Any]:
    """The connection test of a connector that is not saved yet, item by item."""
    connector, _ = make_connector(service, shape)
    report = service.app.check_connector(connector, client_secret=shape.client_secret)
    return {"ok": report.is_ok, "items": [asdict(i) for i in report.items]}


def add(service: Service, shape: ConnectorShape, *, actor: str | None = None) -> Connector:
    """Save a connector whose connection test passes; `actor` is who does, for the audit log.

    Raises:
        RiskbridgeError: The name is taken, or the test's first failed item.
    """
    app = service.app if actor is None else service.app.acting_as(actor)
    connector, profile = make_connector(service, shape)
    app.require_free_name(connector.name)
    app.check_connector(connector, client_secret=shape.client_secret).require_passed()
    return app.add_connector(connector, profile, client_secret=shape.client_secret)


@router.get("/connectors")
def list_connectors(_: Asked, service: Served) -> Rows[ConnectorShown]:
    """Every connector with its state, by name."""
    found = service.app.store.list_connectors()
    return Rows.of([ConnectorShown.model_validate(shown(service, c)) for c in found])


@router.post("/connectors", status_code=status.HTTP_201_CREATED)
def add_connector(caller: Asked, service: Served, shape: ConnectorShape, response: Response) -> ConnectorShown:
    """Save a connector and its first profile, once the connection test has passed."""
    return show(service, add(service, shape, actor=caller.account.name), response)


@router.post("/connectors/test")
def check_unsaved(_: Asked, service: Served, shape: ConnectorShape) -> CheckShown:
    """Test a connection that is not saved; nothing is stored."""
    return CheckShown.model_validate(check(service, shape))


@router.post("/connectors/count")
def count_unsaved(_: Asked, service: Served, shape: ConnectorShape) -> MatchesShown:
    """Count what the filters of a connector that is not saved would keep; asks the source, stores nothing."""
    connector, profile = make_connector(service, shape)
    connector = replace(connector, client_secret=shape.client_secret)
    return MatchesShown.model_validate(count_matches(service.app, connector, profile))


@router.get("/connectors/{name}")
def show_connector(_: Asked, service: Served, name: str, response: Response) -> ConnectorShown:
    """One connector, by its name or id."""
    return show(service, service.app.store.get_connector(name), response)


@router.patch("/connectors/{name}")
def change_connector(
    caller: Asked, service: Served, name: str, edit: ConnectorEdit, response: Response, if_match: IfMatch = None
) -> ConnectorShown:
    """Change a connector; where that touches how the source is reached, once the connection test has passed."""
    app = service.app.acting_as(caller.account.name)
    require_files(service, edit, app.store.get_connector(name))
    changes = edit.model_dump(exclude_unset=True, exclude={"client_secret", "cloud"}, mode="json")
    plan = plan_connector(
        app.store.get_connector(name),
        changes,
        client_secret=edit.client_secret if "client_secret" in edit.model_fields_set else None,
        cloud=edit.cloud if "cloud" in edit.model_fields_set else None,
    )
    require_unchanged(service, app.store, plan.before, if_match)
    require_tested(app, plan)  # takes its time; who edits meanwhile is met below
    with service.editing(caller.account.name) as store:
        now = store.get_connector(plan.before.connector_id)
        require_unchanged(service, store, now, tag_of(asdict(plan.before)))
        return show(service, save_connector(app, plan), response)


@router.delete("/connectors/{name}", status_code=status.HTTP_204_NO_CONTENT)
def delete_connector(caller: Asked, service: Served, name: str, if_match: IfMatch = None) -> None:
    """Delete a connector and its profiles; what it found stays."""
    with service.editing(caller.account.name) as store:
        connector = store.get_connector(name)
        require_unchanged(service, store, connector, if_match)
        progress = service.find_progress(name)
        if progress is not None and not progress.is_over:
            raise InputError(f"'{name}' has a run under way.", code="run.under-way", remedy="Cancel it first.")
        store.delete_connector(connector.name)


@router.post("/connectors/{name}/test")
def check_saved(_: Asked, service: Served, name: str) -> CheckShown:
    """Test a saved connection."""
    report = service.app.check_connector(service.app.store.get_connector(name))
    return CheckShown.model_validate({"ok": report.is_ok, "items": [asdict(i) for i in report.items]})
