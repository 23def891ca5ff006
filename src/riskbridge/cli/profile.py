"""Commands for profiles, what one run of a connector fetches, and for deleting a connector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from riskbridge.cli.commands import app, connector_app, open_app
from riskbridge.cli.options import ChosenProfile, ConnectorName, Description, Home, Json, TriedFilter, spread
from riskbridge.model.connector import Strategy

profile_app = typer.Typer(help="What one run of a connector fetches; a connector has any number.", no_args_is_help=True)
app.add_typer(profile_app, name="profile")

ProfileName = Annotated[str, typer.Argument(metavar="PROFILE", help="Its name, unique within the connector")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask")]


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What can be said of a profile; None for what was left out."""

    description: Description = None
    transform_map: Annotated[str | None, typer.Option("--map", help="Transform map")] = None
    device_filter: Annotated[str | None, typer.Option(help="OData filter for devices; '' for none")] = None
    finding_filter: Annotated[str | None, typer.Option(help="OData filter for findings; '' for none")] = None
    strategy: Annotated[Strategy | None, typer.Option("--strategy", help="How findings are fetched")] = None
    page_size: Annotated[int | None, typer.Option(min=0, help="Rows a call; 0: the server's own pages")] = None
    software: Annotated[bool | None, typer.Option(help="Read the software inventory too; needs Software.Read.All")] = (
        None
    )
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it may run")] = None

    def given(self) -> dict[str, Any]:
        """What was named, by the names of `Profile`; an empty filter and a page of 0 are none."""
        named = {
            "description": self.description,
            "transform_map": self.transform_map,
            "strategy": self.strategy and self.strategy.value,
            "has_software": self.software,
            "is_active": self.active,
        }
        emptied = {n: getattr(self, n) for n in ("device_filter", "finding_filter", "page_size")}
        return {n: v for n, v in named.items() if v is not None} | {
            n: v or None for n, v in emptied.items() if v is not None
        }


@profile_app.command("add")
@spread
def profile_add(
    connector: ConnectorName,
    profile: ProfileName,
    options: ProfileOptions,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Add a profile to a connector; its filters are checked."""
    from riskbridge.connectors import add_profile  # noqa: PLC0415

    with open_app(home) as opened:
        owner = opened.store.get_connector(connector)
        made = add_profile(opened, owner, profile, options.given())
        _say(made, f"Added. Next: riskbridge run {owner.name!r} --profile {made.name!r}", as_json=as_json)


@profile_app.command("change")
@spread
def profile_change(
    connector: ConnectorName,
    profile: ProfileName,
    options: ProfileOptions,
    name: Annotated[str | None, typer.Option(help="Another name")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Change a profile; what is not named stays."""
    from riskbridge.connectors import change_profile  # noqa: PLC0415

    given = options.given() | ({} if name is None else {"name": name})
    with open_app(home) as opened:
        owner = opened.store.get_connector(connector)
        found = opened.store.get_profile(owner.connector_id, profile)
        changed = change_profile(opened, found, given)
        _say(changed, f"Changed '{changed.name}' of '{owner.name}'.", as_json=as_json)


@profile_app.command("list")
def profile_list(connector: ConnectorName, home: Home = None, *, as_json: Json = False) -> None:
    """List a connector's profiles."""
    from dataclasses import asdict  # noqa: PLC0415

    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        owner = opened.store.get_connector(connector)
        rows = [asdict(p) for p in opened.store.list_profiles(owner.connector_id)]
    if as_json:
        say_json({"count": len(rows), "rows": rows})
        return
    shown = ("name", "is_active", "strategy", "transform_map", "device_filter", "finding_filter")
    render_rows(
        [{n: row[n] for n in shown} for row in rows],
        empty="It has no profile. Add one with: riskbridge profile add CONNECTOR PROFILE",
    )


@profile_app.command("show")
def profile_show(connector: ConnectorName, profile: ProfileName, home: Home = None, *, as_json: Json = False) -> None:
    """Show a profile."""
    from dataclasses import asdict  # noqa: PLC0415

    from riskbridge.cli.render import render_pairs, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        owner = opened.store.get_connector(connector)
        found = asdict(opened.store.get_profile(owner.connector_id, profile))
    if as_json:
        say_json(found)
    else:
        render_pairs(found)


@profile_app.command("delete")
def profile_delete(
    connector: ConnectorName, profile: ProfileName, home: Home = None, *, yes: Yes = False, as_json: Json = False
) -> None:
    """Delete a profile; what its runs found stays."""
    from riskbridge.cli.render import say  # noqa: PLC0415

    with open_app(home) as opened:
        owner = opened.store.get_connector(connector)
        found = opened.store.get_profile(owner.connector_id, profile)
        if not yes:
            typer.confirm(f"Delete the profile '{found.name}' of '{owner.name}'?", abort=True, err=True)
        opened.store.delete_profile(owner.connector_id, found.name)
    say({"deleted": found.name, "connector": owner.name}, f"Deleted '{found.name}'.", as_json=as_json)


@profile_app.command("scope")
def profile_scope(
    connector: ConnectorName,
    profile: ChosenProfile = None,
    device_filter: TriedFilter = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Show which stored devices and findings a device filter would no longer reach; nothing is saved."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.preview import chosen_profile, find_out_of_scope  # noqa: PLC0415

    with open_app(home) as opened:
        owner, chosen = chosen_profile(opened, connector, device_filter, None, profile_name=profile)
        found = find_out_of_scope(opened, owner, chosen)
    if as_json:
        say_json(found)
        return
    typer.echo(
        f"{found['devices_matching']:,} devices match. Of {found['devices_stored']:,} stored with open findings, "
        f"{found['devices_out_of_scope']:,} would go out of scope, with {found['findings_out_of_scope']:,} findings."
    )
    render_rows(found["devices"], empty="None would go out of scope.")


@connector_app.command("delete")
def connector_delete(connector: ConnectorName, home: Home = None, *, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a connector and its profiles; what it found, and the record of its runs, stay."""
    from riskbridge.cli.render import say  # noqa: PLC0415

    with open_app(home) as opened:
        found = opened.store.get_connector(connector)
        if not yes:
            typer.confirm(f"Delete the connector '{found.name}' and its profiles?", abort=True, err=True)
        opened.store.delete_connector(found.name)
    say({"deleted": found.name}, f"Deleted '{found.name}'. What it found stays.", as_json=as_json)


def _say(profile: Any, text: str, *, as_json: bool) -> None:
    from dataclasses import asdict  # noqa: PLC0415

    from riskbridge.cli.render import say  # noqa: PLC0415

    say(asdict(profile), text, as_json=as_json)
