"""Options that several commands have, each spelled once, and sets of them that commands take as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Where riskbridge keeps everything; else $RISKBRIDGE_HOME, else ~/.riskbridge"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output")]
Limit = Annotated[int, typer.Option("--limit", min=0, max=100_000, help="Rows to show")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="As it was after that run, or at that time, such as 2027-01-31")
]
ConnectorName = Annotated[str, typer.Argument(metavar="CONNECTOR", help="The connector's name")]
ChosenProfile = Annotated[str | None, typer.Option("--profile", help="Profile, where there are several")]
TriedFilter = Annotated[str | None, typer.Option(help="OData filter to try; left out: the profile's")]
Description = Annotated[str | None, typer.Option("--description", help="What it is for")]


def spread(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command of whose parameters those that are dataclasses take each of their fields as an option of its own.

    What several commands have in common is then spelled once, in the dataclass; its fields are annotated as a command's
    options are, and stand in the help where the parameter stands.
    """
    hints = get_type_hints(command, include_extras=True)
    sets: dict[str, Any] = {name: kind for name, kind in hints.items() if name != "return" and is_dataclass(kind)}
    taken: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in sets:
            taken += _options_of(sets[parameter.name])
        else:
            taken.append(parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(command)
    def run(**values: Any) -> Any:
        given = {n: kind(**{f.name: values.pop(f.name) for f in fields(kind)}) for n, kind in sets.items()}
        return command(**values, **given)

    # Typer reads these two to learn what a command takes.
    run.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in taken}
    return run


def _options_of(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in fields(kind)
    ]
