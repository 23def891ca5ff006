"""Commands for the rules that set criticality, exposure and factors of assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json

if TYPE_CHECKING:
    from riskbridge.app import App

rule_app = typer.Typer(
    help="Rules for assets: criticality, exposure, risk and compensating factors.", no_args_is_help=True
)
app.add_typer(rule_app, name="rule")

Name = Annotated[str, typer.Argument(help="Its name, shown with every score that it enters")]


@rule_app.command("add")
def rule_add(
    name: Name,
    where: Annotated[str, typer.Option(help="QQL: the assets it holds for")],
    why: Annotated[str, typer.Option(help="The reason, kept with the rule")],
    acs: Annotated[int | None, typer.Option(min=1, max=5, help="Criticality; the highest of several counts")] = None,
    factor: Annotated[float, typer.Option(help="Multiplies their risk, 0.5 to 2; below 1 it compensates")] = 1.0,
    home: Home = None,
    *,
    internet_facing: Annotated[bool, typer.Option("--internet-facing", help="Reachable from the internet")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would change; keep nothing")] = False,
    as_json: Json = False,
) -> None:
    """Make or replace a rule, and score everything anew."""
    from riskbridge.scoring import list_rules, with_rule  # noqa: PLC0415

    with open_app(home) as opened:
        rule = {"where": where, "why": why, "acs": acs, "is_internet_facing": internet_facing, "factor": factor}
        rules = with_rule(list_rules(opened.store), name, **rule)
        if dry_run:
            _try(opened, rules, as_json=as_json)
        else:
            _keep(opened, rules, f"rule {name}", as_json=as_json)


@rule_app.command("remove")
def rule_remove(name: Name, home: Home = None, *, as_json: Json = False) -> None:
    """Take a rule away, and score everything anew."""
    from riskbridge.scoring import list_rules, without_rule  # noqa: PLC0415

    with open_app(home) as opened:
        _keep(opened, without_rule(list_rules(opened.store), name), f"rule {name} removed", as_json=as_json)


@rule_app.command("list")
def rule_list(home: Home = None, *, as_json: Json = False) -> None:
    """Show the rules for assets."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.scoring import list_rules  # noqa: PLC0415

    with open_app(home) as opened:
        rows = [{"name": n, **rule} for n, rule in list_rules(opened.store).items()]
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        render_rows(
            rows, empty="There is none. Make one with: riskbridge rule add NAME --where QUERY --acs 5 --why WHY"
        )


def _keep(opened: App, rules: dict[str, dict[str, Any]], what: str, *, as_json: bool) -> None:
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.rescoring import change_rules  # noqa: PLC0415

    moved = change_rules(opened, rules, what)
    text = "The first run scores with it." if moved is None else f"Scored anew: {moved['assets']:,} assets moved."
    say({"rules": len(rules), "rescored": moved}, f"Kept {len(rules)} rules. {text}", as_json=as_json)


def _try(opened: App, rules: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.whatif import try_weights  # noqa: PLC0415

    tried = try_weights(opened, {}, rules=rules)
    if as_json:
        say_json(tried)
        return
    estate = tried["estate"]
    typer.echo(f"Estate TruRisk: {estate['before']:.1f} now, {estate['after']:.1f} then. Nothing was saved.")
    shown = ("asset_name", "trurisk", "now_trurisk", "rank", "now_rank")
    render_rows([{n: r[n] for n in shown} for r in tried["moves"]], empty="No asset would move.")
