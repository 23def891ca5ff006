"""Commands for identification: rules of a connector, what is ambiguous, merges and splits, the order of sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import ConnectorName, Home, Json, Limit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from riskbridge.identity.rules import Rule

identity_app = typer.Typer(help="Which source records are one asset, and why.", no_args_is_help=True)
rules_app = typer.Typer(help="Identification rules of a connector.", no_args_is_help=True)
rank_app = typer.Typer(help="Whose word counts where sources differ.", no_args_is_help=True)
app.add_typer(identity_app, name="identity")
identity_app.add_typer(rules_app, name="rules")
identity_app.add_typer(rank_app, name="rank")

AssetId = Annotated[str, typer.Argument(metavar="ASSET", help="Its id, or the beginning of it")]
RuleName = Annotated[str, typer.Argument(metavar="RULE", help="The rule's name")]
Why = Annotated[str, typer.Option("--why", help="The reason, kept with it")]
Attributes = Annotated[list[str], typer.Argument(metavar="ATTRIBUTE...", help="All of them must agree")]


@rules_app.command("show")
def rules_show(connector: ConnectorName, home: Home = None, *, as_json: Json = False) -> None:
    """Show a connector's rules in order, and of which attributes own ones may be made."""
    from riskbridge.identity.rules import CHOOSABLE  # noqa: PLC0415
    from riskbridge.matching import list_rules, rules_as_rows  # noqa: PLC0415

    with open_app(home) as opened:
        rows = rules_as_rows(list_rules(opened.store, opened.store.get_connector(connector)))
    _say_rules(rows, {"attributes": list(CHOOSABLE)}, as_json=as_json)


@rules_app.command("set")
def rules_set(
    connector: ConnectorName,
    rules: Annotated[
        str, typer.Argument(help='All rules in order as JSON: [{"name": …, "attributes": […], "is_on": …}]')
    ],
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Set all rules of a connector at once; built-in ones are named without attributes."""
    from riskbridge.matching import parse_rules  # noqa: PLC0415

    _change(connector, lambda _: parse_rules(_parsed(rules)), home, as_json=as_json)


@rules_app.command("add")
def rules_add(
    connector: ConnectorName,
    rule: RuleName,
    attributes: Attributes,
    home: Home = None,
    place: Annotated[int | None, typer.Option("--place", min=1, help="Its place in the order; left out: last")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Add a rule of one's own."""
    from riskbridge.identity.rules import Rule  # noqa: PLC0415
    from riskbridge.matching import with_rule  # noqa: PLC0415

    _change(connector, lambda rules: with_rule(rules, Rule(rule, tuple(attributes)), place), home, as_json=as_json)


@rules_app.command("remove")
def rules_remove(connector: ConnectorName, rule: RuleName, home: Home = None, *, as_json: Json = False) -> None:
    """Take a rule of one's own away."""
    from riskbridge.matching import without_rule  # noqa: PLC0415

    _change(connector, lambda rules: without_rule(rules, rule), home, as_json=as_json)


@rules_app.command("move")
def rules_move(
    connector: ConnectorName,
    rule: RuleName,
    place: Annotated[int, typer.Argument(min=1, help="Its new place, from 1")],
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Put a rule at another place."""
    from riskbridge.matching import moved_rule  # noqa: PLC0415

    _change(connector, lambda rules: moved_rule(rules, rule, place), home, as_json=as_json)


@rules_app.command("on")
def rules_on(connector: ConnectorName, rule: RuleName, home: Home = None, *, as_json: Json = False) -> None:
    """Turn a rule on."""
    from riskbridge.matching import switched  # noqa: PLC0415

    _change(connector, lambda rules: switched(rules, rule, is_on=True), home, as_json=as_json)


@rules_app.command("off")
def rules_off(connector: ConnectorName, rule: RuleName, home: Home = None, *, as_json: Json = False) -> None:
    """Turn a rule off; at least one stays on."""
    from riskbridge.matching import switched  # noqa: PLC0415

    _change(connector, lambda rules: switched(rules, rule, is_on=False), home, as_json=as_json)


@rules_app.command("reset")
def rules_reset(connector: ConnectorName, home: Home = None, *, as_json: Json = False) -> None:
    """Take the built-in rules and their order again."""
    from riskbridge.matching import reset_rules, rules_as_rows  # noqa: PLC0415

    with open_app(home) as opened:
        rows = rules_as_rows(reset_rules(opened.store, opened.store.get_connector(connector)))
    _say_rules(rows, {}, as_json=as_json, is_changed=True)


@identity_app.command("simulate")
def identity_simulate(
    connector: ConnectorName,
    home: Home = None,
    on: Annotated[list[str] | None, typer.Option("--on", help="A rule to turn on; may come several times")] = None,
    off: Annotated[list[str] | None, typer.Option("--off", help="A rule to turn off; may come several times")] = None,
    add: Annotated[
        list[str] | None, typer.Option("--add", help="An own rule as NAME=ATTRIBUTE,ATTRIBUTE; put last")
    ] = None,
    move: Annotated[list[str] | None, typer.Option("--move", help="A rule to move, as NAME=PLACE")] = None,
    rules: Annotated[str | None, typer.Option("--rules", help="All rules as JSON, as `rules set` takes them")] = None,
    samples: Annotated[int, typer.Option("--samples", min=0, max=1_000, help="Merges and splits to show")] = 20,
    *,
    as_json: Json = False,
) -> None:
    """Show what other rules would merge and split; nothing is saved."""
    from riskbridge.cli.render import say_json  # noqa: PLC0415
    from riskbridge.identification import simulate  # noqa: PLC0415
    from riskbridge.matching import list_rules, parse_rules  # noqa: PLC0415

    with open_app(home) as opened:
        found = opened.store.get_connector(connector)
        saved = list_rules(opened.store, found)
        tried = parse_rules(_parsed(rules)) if rules is not None else saved
        tried = _changed(tried, on or (), off or (), add or (), move or ())
        result = simulate(opened, {found.connector_id: tried}, samples=samples)
    if as_json:
        say_json(result)
    else:
        _render_simulation(result)


@identity_app.command("apply")
def identity_apply(home: Home = None, *, as_json: Json = False) -> None:
    """Identify the stored records anew by the rules as they are; no source is called."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.identification import apply_identification  # noqa: PLC0415

    with open_app(home) as opened:
        done = apply_identification(opened)
    say(done, _told(done), as_json=as_json)


@identity_app.command("ambiguous")
def identity_ambiguous(home: Home = None, limit: Limit = 50, *, as_json: Json = False) -> None:
    """List matches that were refused, and why: values that several hosts share, and what contradicts them."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.identification import list_ambiguous  # noqa: PLC0415

    with open_app(home) as opened:
        rows = list_ambiguous(opened, limit=limit)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
        return
    shown = [
        {n: row[n] for n in ("rule", "matched_on", "why", "records")}
        | {"such as": [str(r["asset_name"] or r["external_asset_id"]) for r in row["sample"][:5]]}
        for row in rows
    ]
    render_rows(shown, empty="Nothing is ambiguous.")


@identity_app.command("merge")
def identity_merge(
    asset: AssetId,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The other asset's")],
    why: Why,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Put two assets together; every later run keeps them so."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.identification import merge_assets  # noqa: PLC0415

    with open_app(home) as opened:
        done = merge_assets(opened, asset, other, why)
    say(done, f"Merged {done['what']}. {_told(done)} {_undo(done)}", as_json=as_json)


@identity_app.command("split")
def identity_split(
    asset: AssetId,
    record: Annotated[str, typer.Argument(metavar="RECORD", help="The record's id, or the source's id of the device")],
    why: Why,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Take a source record from its asset; every later run keeps it away from the others."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.identification import split_asset  # noqa: PLC0415

    with open_app(home) as opened:
        done = split_asset(opened, asset, record, why)
    say(done, f"Split {done['what']}. {_told(done)} {_undo(done)}", as_json=as_json)


@identity_app.command("undo")
def identity_undo(
    judgement: Annotated[str, typer.Argument(metavar="ID", help="The merge's or split's id, or the beginning of it")],
    why: Why,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Undo a merge or a split; assets and decisions are as they were before it."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.identification import undo_judgement  # noqa: PLC0415

    with open_app(home) as opened:
        done = undo_judgement(opened, judgement, why)
    say(done, f"Undone: {done['what']}. {_told(done)}", as_json=as_json)


@identity_app.command("judgements")
def identity_judgements(
    home: Home = None,
    limit: Limit = 100,
    *,
    is_all: Annotated[bool, typer.Option("--all", help="Undone ones too")] = False,
    as_json: Json = False,
) -> None:
    """List what people merged and split."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.identification import list_judgements  # noqa: PLC0415

    with open_app(home) as opened:
        rows = list_judgements(opened, is_all=is_all, limit=limit)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
        return
    shown = ("judgement_id", "kind", "text", "why", "decided_by", "decided_at", "undone_by")
    render_rows([{n: row[n] for n in shown} for row in rows], empty="Nobody merged or split anything.")


@rank_app.command("show")
def rank_show(home: Home = None, *, as_json: Json = False) -> None:
    """Show the order of sources; * stands for every attribute that has none of its own."""
    from riskbridge.cli.render import render_pairs, say_json  # noqa: PLC0415
    from riskbridge.matching import list_ranks  # noqa: PLC0415

    with open_app(home) as opened:
        ranks = list_ranks(opened.store)
    if as_json:
        say_json(ranks)
    elif ranks:
        render_pairs(dict(ranks))
    else:
        typer.echo("No order is set: of several sources the one that saw the device last counts.")


@rank_app.command("set")
def rank_set(
    connectors: Annotated[
        list[str] | None, typer.Argument(metavar="CONNECTOR...", help="The one that counts most first; none: no order")
    ] = None,
    attribute: Annotated[str, typer.Option("--attribute", help="For that attribute alone, such as asset_name")] = "*",
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Set the order of sources; it holds from the next run or `identity apply` on."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.matching import save_ranks  # noqa: PLC0415

    with open_app(home) as opened:
        ranks = save_ranks(opened.store, attribute, connectors or [])
    say(dict(ranks), "Kept. It holds from the next run on, or from: riskbridge identity apply", as_json=as_json)


def _change(connector: str, change: Callable[[tuple[Rule, ...]], Sequence[Rule]], home: Any, *, as_json: bool) -> None:
    from riskbridge.matching import list_rules, rules_as_rows, save_rules  # noqa: PLC0415

    with open_app(home) as opened:
        found = opened.store.get_connector(connector)
        rules = save_rules(opened.store, found, change(list_rules(opened.store, found)))
    _say_rules(rules_as_rows(rules), {}, as_json=as_json, is_changed=True)


def _changed(
    rules: tuple[Rule, ...], on: Sequence[str], off: Sequence[str], add: Sequence[str], move: Sequence[str]
) -> tuple[Rule, ...]:
    from riskbridge.errors import InputError  # noqa: PLC0415
    from riskbridge.identity.rules import Rule, check_rules  # noqa: PLC0415
    from riskbridge.matching import moved_rule, switched, with_rule  # noqa: PLC0415

    for name in on:
        rules = switched(rules, name, is_on=True)
    for name in off:
        rules = switched(rules, name, is_on=False)
    for text in add:
        name, _, attributes = text.partition("=")
        rules = with_rule(rules, Rule(name.strip(), tuple(a.strip() for a in attributes.split(",") if a.strip())))
    for text in move:
        name, _, place = text.partition("=")
        if not place.strip().isdigit() or int(place) < 1:
            raise InputError(
                f"'{text}' moves nothing.", code="identity.bad-place", remedy="Write NAME=PLACE, such as fqdn=3."
            )
        rules = moved_rule(rules, name.strip(), int(place))
    return check_rules(rules)


def _parsed(text: str) -> list[dict[str, object]]:
    import json  # noqa: PLC0415

    from riskbridge.errors import InputError  # noqa: PLC0415

    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        rows, problem = None, f": {error.msg} at sign {error.pos}"
    else:
        problem = ""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(
            f"The rules are no JSON list of objects{problem}.",
            code="identity.bad-json",
            remedy="See the form with: riskbridge identity rules show CONNECTOR --json",
        )
    return rows


def _say_rules(
    rows: list[dict[str, object]], more: dict[str, object], *, as_json: bool, is_changed: bool = False
) -> None:
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415

    if as_json:
        say_json({"rules": rows, **more})
        return
    shown = ("place", "name", "attributes", "is_on", "is_built_in")
    render_rows([{n: row[n] for n in shown} for row in rows], empty="")
    if is_changed:
        typer.echo("Kept. It holds from the next run on, or from: riskbridge identity apply")


def _told(done: dict[str, Any]) -> str:
    if done["run"] is None:
        return "Nothing is stored yet; the first run goes by it."
    moved = f"{done['records_moved']:,} records and {done['findings_moved']:,} findings moved"
    return " ".join([f"Run {done['run']}: {done['assets']:,} assets, {moved}.", *done["warnings"]])


def _undo(done: dict[str, Any]) -> str:
    return f"Undo it with: riskbridge identity undo {str(done['judgement_id'])[:12]} --why WHY"


def _render_simulation(result: dict[str, Any]) -> None:
    from riskbridge.cli.render import render_rows  # noqa: PLC0415

    assets = result["assets"]
    typer.echo(
        f"{assets['before']:,} assets now, {assets['after']:,} then: {result['merges']['count']:,} would be merged of "
        f"several, {result['splits']['count']:,} would be split; {result['records_moved']:,} of {result['records']:,} "
        "records would move. Nothing was saved."
    )
    for kind in ("merges", "splits"):
        rows = [
            {
                kind: group["asset_name"],
                "assets": group["parts"],
                "records": [str(r["external_asset_id"]) for r in group["rows"][:4]],
                "by": sorted({str(r["rule" if kind == "merges" else "was_rule"]) for r in group["rows"]}),
            }
            for group in result[kind]["rows"]
        ]
        if rows:
            render_rows(rows, empty="")
    for warning in result["warnings"]:
        typer.echo(warning)
