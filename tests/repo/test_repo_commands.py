"""Claims about every command: it can be run by a server for a client."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

COMMANDS = Path(__file__).parents[2] / "src" / "riskbridge" / "cli"
OF_THE_TERMINAL = {"terminal.py"}


def calls() -> Iterator[tuple[str, str]]:
    """Every call in the command line's modules, as its module and its text."""
    for path in sorted(COMMANDS.glob("*.py")):
        if path.name not in OF_THE_TERMINAL:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield path.name, ast.unparse(node)


def test_consoles_are_those_of_the_terminal_that_is_worked_for() -> None:
    assert [(name, text) for name, text in calls() if text.startswith(("Console(", "rich.console.Console("))] == []


def test_secrets_are_asked_for_where_the_person_is() -> None:
    asking = [(name, text) for name, text in calls() if "hide_input=True" in text]
    assert asking == []
