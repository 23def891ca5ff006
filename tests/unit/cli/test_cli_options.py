"""Sets of options that commands take as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from riskbridge.cli import load_commands
from riskbridge.cli.options import Limit, spread


@dataclass(frozen=True, slots=True)
class Dish:
    """What is cooked."""

    name: Annotated[str | None, typer.Option("--dish", help="What it is")] = None
    limit: Limit = 3


def test_each_field_is_an_option_where_the_set_stands() -> None:
    app = typer.Typer()

    @app.command()
    @spread
    def cook(pot: str, dish: Dish, *, hot: Annotated[bool, typer.Option("--hot", help="Heat it")] = False) -> None:
        """Cook."""
        typer.echo(f"{pot} {dish} {hot}")

    run = CliRunner().invoke
    assert run(app, ["big"]).stdout == f"big {Dish()} False\n"
    assert run(app, ["big", "--dish", "soup", "--limit", "0", "--hot"]).stdout == f"big {Dish('soup', 0)} True\n"
    assert run(app, ["big", "--limit", "-1"]).exit_code == 2
    told = run(app, ["--help"]).stdout
    places = [told.index(text) for text in ("Cook.", "--dish", "--limit", "--hot")]
    assert places == sorted(places)


def test_commands_that_share_a_set_take_the_same_options() -> None:
    commands = typer.main.get_command(load_commands())

    def options(*words: str) -> set[str]:
        found = commands
        for word in words:
            found = found.commands[word]  # type: ignore[attr-defined]
        return {name for p in found.params for name in p.opts if name.startswith("--")}

    assert options("assets") == options("findings")
    assert options("profile", "change") - options("profile", "add") == {"--name"}
    assert options("connector", "change-file") - options("connector", "add-file") == set()
    assert options("connector", "add-file") - options("connector", "change-file") == {"--skip-test"}
    assert options("file", "look") - options("connector", "add-file") == {"--rows"}
    assert options("model", "infer") - options("file", "look") == {"--name", "--for", "--save"}
