"""Statements with places for constants, and the answers that were found: kept so that what is asked often costs little."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlglot.expressions import Literal

T = TypeVar("T")
MOST_STATEMENTS = 1_000
"""Statements of lists that are remembered."""
MOST_ANSWERS, MOST_KEPT_ROWS = 2_000, 200
"""Answers that are remembered, and the most rows of one."""
MOST_WORDINGS = 256
"""Expressions whose SQL is remembered: what two runs have in common. Each holds a seventh of a megabyte."""
_BEGIN, _END = "\ue000", "\ue001"
_PLACE = re.compile(f"'{_BEGIN}([^{_END}]*){_END}'")


def place(name: str) -> str:
    """The text that marks the place of a constant."""
    return f"{_BEGIN}{name}{_END}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement between whose parts constants stand: by turns SQL and the name of a constant."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, sql: str) -> Statement:
        """The statement whose SQL has places as text literals."""
        return cls(tuple(_PLACE.split(sql)))

    def text(self, constants: Mapping[str, str]) -> str:
        """The SQL; constants are written by the generator that writes all literals."""
        named = enumerate(self.parts)
        return "".join(Literal.string(constants[part]).sql("duckdb") if n % 2 else part for n, part in named)


class Memory:
    """Statements and answers that were asked for last; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statements: OrderedDict[Hashable, Statement] = OrderedDict()
        self._answers: OrderedDict[Hashable, list[dict[str, Any]]] = OrderedDict()

    def find_statement(self, key: Hashable) -> Statement | None:
        """The statement of that key, or None."""
        return self._find(self._statements, key)

    def keep_statement(self, key: Hashable, statement: Statement) -> None:
        """Keep a statement."""
        self._keep(self._statements, key, statement, MOST_STATEMENTS)

    def find_rows(self, key: Hashable) -> list[dict[str, Any]] | None:
        """The answer of that key, the caller's own, or None."""
        rows = self._find(self._answers, key)
        return None if rows is None else [dict(row) for row in rows]

    def keep_rows(self, key: Hashable, rows: list[dict[str, Any]]) -> None:
        """Keep an answer."""
        self._keep(self._answers, key, [dict(row) for row in rows], MOST_ANSWERS)

    def _find(self, kept: OrderedDict[Hashable, T], key: Hashable) -> T | None:
        with self._lock:
            found = kept.get(key)
            if found is not None:
                kept.move_to_end(key)
            return found

    def _keep(self, kept: OrderedDict[Hashable, T], key: Hashable, value: T, most: int) -> None:
        with self._lock:
            kept[key] = value
            if len(kept) > most:
                kept.popitem(last=False)


class Wordings:
    """The SQL of the expressions that were put into words last; whoever uses it sees to it that threads take turns.

    Equal expressions have equal SQL, since tables stand in both by name.
    """

    def __init__(self, most: int = MOST_WORDINGS) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, str] = OrderedDict()

    def find(self, expression: Hashable, word: Callable[[], str]) -> str:
        """The SQL of an expression; one that is not known is put into words by `word`, and kept."""
        sql = self._kept.get(expression)
        if sql is None:
            sql = self._kept[expression] = word()
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(expression)
        return sql
