"""Every command. What a command needs is imported inside it, so that help and completion stay quick."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskbridge.cli.options import Home, Json
from riskbridge.cli.terminal import ask_secret, current_session
from riskbridge.model.connector import Strategy

if TYPE_CHECKING:
    from riskbridge.app import App
    from riskbridge.model.connector import Connector

app = typer.Typer(
    name="riskbridge",
    help="Microsoft Defender for Endpoint to a risk-based view of vulnerabilities.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
connector_app = typer.Typer(help="Connections to Defender tenants.", no_args_is_help=True)
app.add_typer(connector_app, name="connector")

_state: dict[str, Path | None] = {"home": None}


@app.callback()
def _global(home: Home = None) -> None:
    """Options before the command."""
    _state["home"] = home


@app.command()
def init(home: Home = None, *, as_json: Json = False) -> None:
    """Make the home: config store, warehouse and key."""
    from riskbridge.cli.render import say  # noqa: PLC0415

    with open_app(home) as opened:
        counts = opened.count_rows()
        where = str(opened.settings.home)
        say({"home": where, **counts}, f"Ready at {where}. Next: riskbridge connector add --help", as_json=as_json)


@connector_app.command("add")
def connector_add(
    name: Annotated[str, typer.Option(help="Unique name")],
    tenant_id: Annotated[str, typer.Option(help="Tenant id or verified domain")],
    client_id: Annotated[str, typer.Option(help="Application (client) id; not needed for a managed identity")] = "",
    client_secret: Annotated[
        str | None,
        typer.Option(help="Client secret (or a certificate's passphrase), env:NAME or file:/path; else asked for"),
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="PEM or PFX with certificate and key, for a secret")] = None,
    federated_token_file: Annotated[
        Path | None, typer.Option(help="File with a workload identity's token, for a secret")
    ] = None,
    managed_identity: Annotated[
        str | None, typer.Option(help="'system', or the client id of an identity of this Azure machine, for a secret")
    ] = None,
    secret_expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When the secret ends, to be warned 30 days ahead")
    ] = None,
    calls_per_minute: Annotated[
        int | None, typer.Option(min=1, help="The most calls a minute; left out: the API's own limits")
    ] = None,
    cloud: Annotated[
        str, typer.Option(help="commercial, us, eu, uk, au, swa, ina, aea, gcc, gcc-high or dod")
    ] = "commercial",
    description: Annotated[str, typer.Option()] = "",
    login_url: Annotated[str | None, typer.Option(help="Entra login host; left out: the cloud's")] = None,
    api_url: Annotated[str | None, typer.Option(help="Defender API host; left out: the cloud's")] = None,
    audience: Annotated[str | None, typer.Option(help="Resource of the token; left out: the cloud's")] = None,
    ca_bundle: Annotated[Path | None, typer.Option(help="PEM certificates to trust besides the system's")] = None,
    proxy: Annotated[str | None, typer.Option(help="Proxy URL")] = None,
    device_filter: Annotated[str | None, typer.Option(help="OData filter for devices")] = None,
    finding_filter: Annotated[str | None, typer.Option(help="OData filter for findings")] = None,
    page_size: Annotated[int | None, typer.Option(help="Rows a call; left out: the server's own pages")] = None,
    strategy: Annotated[
        Strategy, typer.Option(help="How findings are fetched: live list, snapshot, files, changes, or what suits")
    ] = Strategy.PAGED,
    home: Home = None,
    *,
    software: Annotated[bool, typer.Option(help="Read the software inventory too; needs Software.Read.All")] = False,
    retain_missing: Annotated[bool, typer.Option(help="Keep the status of findings a run does not report")] = False,
    skip_test: Annotated[bool, typer.Option(help="Save without a passed connection test")] = False,
    as_json: Json = False,
) -> None:
    """Add a connector and its profile, once the connection test has passed."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.model.connector import new_connector, new_profile  # noqa: PLC0415
    from riskbridge.source.defender.clouds import find_cloud  # noqa: PLC0415
    from riskbridge.source.defender.filters import check_filters  # noqa: PLC0415

    hosts = find_cloud(cloud)
    is_secret_needed = certificate is None and federated_token_file is None and managed_identity is None
    with open_app(home) as opened:
        secret = ask_secret("Client secret") if client_secret is None and is_secret_needed else client_secret or ""
        connector = new_connector(
            name,
            description=description,
            tenant_id=tenant_id,
            client_id=client_id,
            login_url=login_url or hosts.login_url,
            api_url=api_url or hosts.api_url,
            audience=audience or hosts.audience,
            certificate=str(certificate.absolute()) if certificate else None,
            federated_token_file=str(federated_token_file.absolute()) if federated_token_file else None,
            ca_bundle=str(ca_bundle.absolute()) if ca_bundle else None,
            proxy=proxy,
            retain_missing=retain_missing,
            managed_identity=managed_identity,
            secret_expires_on=secret_expires.date().isoformat() if secret_expires else None,
            calls_per_minute=calls_per_minute,
        )
        opened.require_free_name(connector.name)
        profile = new_profile(
            connector,
            device_filter=device_filter,
            finding_filter=finding_filter,
            page_size=page_size,
            strategy=strategy.value,
            has_software=software,
        )
        check_filters(device_filter, finding_filter)
        if not skip_test:
            _require_tested(opened, connector, secret, as_json=as_json)
        opened.add_connector(connector, profile, client_secret=secret)
        say(
            {"connector": _shown(connector), "state": "Registered"},
            f"Registered '{connector.name}'. Next: riskbridge run {connector.name!r}",
            as_json=as_json,
        )


@connector_app.command("change")
def connector_change(
    name: Annotated[str, typer.Argument(help="Connector")],
    tenant_id: Annotated[str | None, typer.Option(help="Tenant id or verified domain")] = None,
    client_id: Annotated[str | None, typer.Option(help="Application (client) id")] = None,
    client_secret: Annotated[str | None, typer.Option(help="New secret or passphrase, env:NAME or file:/path")] = None,
    certificate: Annotated[str | None, typer.Option(help="PEM or PFX with certificate and key")] = None,
    federated_token_file: Annotated[str | None, typer.Option(help="File with a workload identity's token")] = None,
    managed_identity: Annotated[str | None, typer.Option(help="'system', or an identity's client id")] = None,
    secret_expires: Annotated[str | None, typer.Option(help="When the secret ends, such as 2027-01-31")] = None,
    calls_per_minute: Annotated[
        int | None, typer.Option(min=0, help="The most calls a minute; 0: the API's own")
    ] = None,
    description: Annotated[str | None, typer.Option()] = None,
    cloud: Annotated[str | None, typer.Option(help="Sets login URL, API URL and audience")] = None,
    login_url: Annotated[str | None, typer.Option(help="Entra login host")] = None,
    api_url: Annotated[str | None, typer.Option(help="Defender API host")] = None,
    audience: Annotated[str | None, typer.Option(help="Resource of the token")] = None,
    ca_bundle: Annotated[str | None, typer.Option(help="PEM certificates to trust besides the system's")] = None,
    proxy: Annotated[str | None, typer.Option(help="Proxy URL")] = None,
    device_filter: Annotated[str | None, typer.Option(help="OData filter for devices")] = None,
    finding_filter: Annotated[str | None, typer.Option(help="OData filter for findings")] = None,
    page_size: Annotated[int | None, typer.Option(min=0, help="Rows a call; 0: the server's own pages")] = None,
    strategy: Annotated[Strategy | None, typer.Option(help="How findings are fetched")] = None,
    home: Home = None,
    *,
    software: Annotated[bool | None, typer.Option(help="Read the software inventory too")] = None,
    retain_missing: Annotated[
        bool | None, typer.Option(help="Keep the status of findings a run does not report")
    ] = None,
    skip_test: Annotated[bool, typer.Option(help="Save without a passed connection test")] = False,
    as_json: Json = False,
) -> None:
    """Change a connector or its profile, once the connection test has passed; '' empties an option, the rest stays."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.source.defender.clouds import find_cloud  # noqa: PLC0415
    from riskbridge.source.defender.filters import check_filters  # noqa: PLC0415

    files = {"certificate": certificate, "federated_token_file": federated_token_file, "ca_bundle": ca_bundle}
    changes: dict[str, Any] = {k: str(Path(v).absolute()) if v else None for k, v in files.items() if v is not None}
    hosts = find_cloud(cloud) if cloud is not None else None
    texts = {
        "tenant_id": tenant_id,
        "client_id": client_id,
        "description": description,
        "login_url": login_url or (hosts and hosts.login_url),
        "api_url": api_url or (hosts and hosts.api_url),
        "audience": audience or (hosts and hosts.audience),
        "retain_missing": retain_missing,
    }
    changes |= {k: v for k, v in texts.items() if v is not None}
    emptied = {"proxy": proxy, "managed_identity": managed_identity, "secret_expires_on": secret_expires}
    changes |= {k: v or None for k, v in emptied.items() if v is not None}
    changes |= {"calls_per_minute": calls_per_minute or None} if calls_per_minute is not None else {}
    with open_app(home) as opened:
        connector = replace(opened.store.get_connector(name), **changes)
        profile = opened.store.get_profile(connector.connector_id, None)
        profile = replace(
            profile,
            device_filter=profile.device_filter if device_filter is None else device_filter or None,
            finding_filter=profile.finding_filter if finding_filter is None else finding_filter or None,
            page_size=profile.page_size if page_size is None else page_size or None,
            strategy=profile.strategy if strategy is None else strategy.value,
            has_software=profile.has_software if software is None else software,
        )
        check_filters(profile.device_filter, profile.finding_filter)
        if not skip_test:
            _require_tested(opened, connector, client_secret, as_json=as_json)
        opened.change_connector(connector, profile, client_secret=client_secret)
        say(
            {"connector": _shown(connector), "state": opened.state_of(connector).value},
            f"Changed '{connector.name}'. Next: riskbridge run {connector.name!r}",
            as_json=as_json,
        )


@connector_app.command("test")
def connector_test(name: str, home: Home = None, *, as_json: Json = False) -> None:
    """Test a connector: token, roles, and each endpoint's lightest call."""
    from dataclasses import asdict  # noqa: PLC0415

    from riskbridge.cli.render import render_check, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        report = opened.check_connector(opened.store.get_connector(name))
    if as_json:
        say_json({"ok": report.is_ok, "items": [asdict(i) for i in report.items]})
    else:
        render_check(report)
    if not report.is_ok:
        raise typer.Exit(3)


@connector_app.command("list")
def connector_list(home: Home = None, *, as_json: Json = False) -> None:
    """List connectors with their state."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        rows = [
            {"name": c.name, "kind": c.kind, "tenant_id": c.tenant_id, **opened.standing_of(c).as_dict()}
            for c in opened.store.list_connectors()
        ]
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        shown = [{n: _told(row[n]) for n in ("name", "kind", "state", "last_run_at", "next_run_at")} for row in rows]
        render_rows(shown, empty="No connector yet. Add one with: riskbridge connector add")
        for row in rows:
            for concern in row["attention"]:
                typer.echo(f"! {row['name']}: {concern['message']} {concern['remedy']}")


@connector_app.command("show")
def connector_show(name: str, home: Home = None, *, as_json: Json = False) -> None:
    """Show a connector and its profiles; its secret is never shown."""
    from dataclasses import asdict  # noqa: PLC0415

    from riskbridge.cli.render import render_pairs, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        connector = opened.store.get_connector(name)
        profiles = [asdict(p) for p in opened.store.list_profiles(connector.connector_id)]
        standing = opened.standing_of(connector).as_dict()
        shown = _shown(connector) | standing
    if as_json:
        say_json({"connector": shown, "profiles": profiles})
        return
    render_pairs({n: _told(v) for n, v in shown.items() if n != "attention"})
    for concern in standing["attention"]:
        typer.echo(f"! {concern['message']} {concern['remedy']}")
    for profile in profiles:
        render_pairs({f"profile {profile['name']}": "", **profile})


@app.command()
def explain(
    kind: Annotated[str, typer.Argument(help="finding or asset")],
    identity: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it")],
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Take a finding's QDS or an asset's TruRisk apart."""
    from riskbridge.cli.render import render_explanation, say_json  # noqa: PLC0415
    from riskbridge.errors import InputError  # noqa: PLC0415

    if kind not in ("finding", "asset"):
        raise InputError(
            f"'{kind}' cannot be explained.",
            code="explain.unknown-kind",
            remedy="Say: riskbridge explain finding|asset ID",
        )
    with open_app(home) as opened:
        explained = opened.explain_finding(identity) if kind == "finding" else opened.explain_asset(identity)
    if as_json:
        say_json(explained)
    else:
        render_explanation(kind, explained)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def simulator(context: typer.Context) -> None:
    """Serve a simulated Defender tenant on localhost (see: riskbridge simulator --help)."""
    from riskbridge.simulator.__main__ import main  # noqa: PLC0415

    sys.argv = ["riskbridge simulator", *context.args]
    raise typer.Exit(main())


@app.command()
def demo(
    devices: Annotated[int, typer.Option(min=1, max=500_000, help="Devices in the simulated tenant")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed makes the same tenant")] = 1,
    home: Home = None,
    *,
    serve: Annotated[
        bool | None, typer.Option(help="Serve the page afterwards, until Ctrl-C; left out: on a terminal")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the main job: a simulated tenant, a connector, a run, and what it found, at last in a browser."""
    from riskbridge.cli.demo import run_demo  # noqa: PLC0415

    is_served = not as_json and sys.stdout.isatty() if serve is None else serve
    run_demo(home or _state["home"], devices=devices, seed=seed, as_json=as_json, is_served=is_served)


@app.command()
def version() -> None:
    """Print the version."""
    from riskbridge import __version__  # noqa: PLC0415

    typer.echo(__version__)


def open_app(home: Path | None) -> App:
    """The app on the home that was named, else the configured one; a context manager.

    Where a server owns the home, it runs this command in its place; within the server, the app is a part of its own.

    Raises:
        ServedElsewhereError: A server owns the home.
    """
    from riskbridge.cli.client import ServedElsewhereError  # noqa: PLC0415
    from riskbridge.security.home import ServedHomeError  # noqa: PLC0415

    session = current_session.get()
    if session is not None:
        return session.lend()
    try:
        return own_app(home)
    except ServedHomeError as error:
        from riskbridge.config import load_settings  # noqa: PLC0415

        raise ServedElsewhereError(load_settings(home=home or _state["home"]).home, error.address) from error


def own_app(home: Path | None, flags: Mapping[str, Any] | None = None) -> App:
    """The app on the home, owned by this process; for commands that start a server, whose flags set settings.

    Raises:
        RetryableError: `home.in-use`, `home.served`.
    """
    from riskbridge.app import App  # noqa: PLC0415
    from riskbridge.config import load_settings  # noqa: PLC0415
    from riskbridge.security.home import HomeLock  # noqa: PLC0415
    from riskbridge.security.logs import set_up_logging  # noqa: PLC0415

    words = [w for w in sys.argv[1:4] if not w.startswith("-")]
    settings = load_settings(home=home or _state["home"], flags=flags)
    set_up_logging(settings.log_level, as_json=settings.log_json)
    lock = HomeLock(
        settings.home,
        command=" ".join(["riskbridge", *words[:2]]),
        wait_s=settings.home_wait_s,
        on_wait=lambda whom: typer.echo(f"{whom} Waiting for its end, {settings.home_wait_s} s at most.", err=True),
    )
    return App(settings, lock=lock)


def _require_tested(opened: App, connector: Connector, client_secret: str | None, *, as_json: bool) -> None:
    from riskbridge.cli.render import render_check  # noqa: PLC0415

    report = opened.check_connector(connector, client_secret=client_secret)
    if not as_json:
        render_check(report)
    report.require_passed()


def _told(value: Any) -> Any:
    """A time to the minute, UTC; anything else as it is."""
    is_time = isinstance(value, str) and value[10:11] == "T"
    return f"{value[:16].replace('T', ' ')} UTC" if is_time else value


def _shown(connector: Connector) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    return asdict(connector) | {"client_secret": "********"}
