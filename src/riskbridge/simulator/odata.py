"""The OData that the service is known to understand: a filter as a predicate over a record.

Property names are taken in any letter case, enum words too; dates are unquoted, also in the form `2018-08-01Z`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Predicate = Callable[[dict[str, Any]], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<date>\d{4}-\d{2}-\d{2}(?:T[\d:.]+)?Z)|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_]\w*)|(?P<mark>[(),]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a is not None and b is not None and a > b,
    "ge": lambda a, b: a is not None and b is not None and a >= b,
    "lt": lambda a, b: a is not None and b is not None and a < b,
    "le": lambda a, b: a is not None and b is not None and a <= b,
}


class FilterError(ValueError):
    """The filter cannot be understood, or names what may not be filtered by."""


def parse_filter(text: str, properties: tuple[str, ...]) -> Predicate:
    """A filter as a predicate.

    Raises:
        FilterError: With the service's kind of message.
    """
    parser = _Parser(_tokens(text), {p.lower(): p for p in properties})
    predicate = parser.disjunction()
    if parser.peek() is not None:
        raise FilterError(f"Syntax error at '{parser.peek()}'.")
    return predicate


def sort_key(text: str) -> tuple[Callable[[dict[str, Any]], Any], bool]:
    """The key and whether it descends, of an `$orderby` on one property."""
    name, _, direction = text.strip().partition(" ")
    return lambda row: str(_get(row, name) or ""), direction.strip().lower() == "desc"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise FilterError(f"Syntax error: character '{text[place]}' is not valid at position {place} in '{text}'.")
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token], properties: dict[str, str]) -> None:
        self._tokens = tokens
        self._place = 0
        self._properties = properties

    def peek(self) -> str | None:
        return self._tokens[self._place].text if self._place < len(self._tokens) else None

    def disjunction(self) -> Predicate:
        left = self._conjunction()
        while self._takes("or"):
            left = _either(left, self._conjunction())
        return left

    def _conjunction(self) -> Predicate:
        left = self._negation()
        while self._takes("and"):
            left = _both(left, self._negation())
        return left

    def _negation(self) -> Predicate:
        if self._takes("not"):
            inner = self._negation()
            return lambda row: not inner(row)
        if self._takes("("):
            inner = self.disjunction()
            self._require(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        name = self._next("word")
        if name.lower() == "startswith":
            return self._starts_with()
        prop = self._property(name)
        operator = self._next("word").lower()
        if operator not in _COMPARE:
            raise FilterError(f"Syntax error: '{operator}' is not an operator.")
        value, compare = self._literal(), _COMPARE[operator]
        return lambda row: compare(_folded(row.get(prop), value), _folded(value, value))

    def _starts_with(self) -> Predicate:
        self._require("(")
        prop = self._property(self._next("word"))
        self._require(",")
        start = str(self._literal()).lower()
        self._require(")")
        return lambda row: str(row.get(prop) or "").lower().startswith(start)

    def _property(self, name: str) -> str:
        if name.lower() not in self._properties:
            raise FilterError(f"Could not find a property named '{name}' on this type.")
        return self._properties[name.lower()]

    def _literal(self) -> Any:
        token = self._tokens[self._place] if self._place < len(self._tokens) else _Token("end", "end of text")
        self._place += 1
        if token.kind == "string":
            return token.text[1:-1].replace("''", "'")
        if token.kind == "number":
            return float(token.text)
        if token.kind == "date":
            return token.text
        words = {"true": True, "false": False, "null": None}
        if token.text.lower() in words:
            return words[token.text.lower()]
        raise FilterError(f"Syntax error at '{token.text}': a value is wanted.")

    def _takes(self, text: str) -> bool:
        if (self.peek() or "").lower() == text:
            self._place += 1
            return True
        return False

    def _require(self, text: str) -> None:
        if not self._takes(text):
            raise FilterError(f"Syntax error: '{text}' is wanted at '{self.peek() or 'the end'}'.")

    def _next(self, kind: str) -> str:
        if self._place >= len(self._tokens) or self._tokens[self._place].kind != kind:
            raise FilterError(f"Syntax error at '{self.peek() or 'the end'}'.")
        self._place += 1
        return self._tokens[self._place - 1].text


def _both(left: Predicate, right: Predicate) -> Predicate:
    return lambda row: left(row) and right(row)


def _either(left: Predicate, right: Predicate) -> Predicate:
    return lambda row: left(row) or right(row)


def _folded(value: Any, like: Any) -> Any:
    if isinstance(like, float) and isinstance(value, str) and value.isdigit():
        return float(value)
    return value.lower() if isinstance(value, str) else value


def _get(row: dict[str, Any], name: str) -> Any:
    return next((v for k, v in row.items() if k.lower() == name.lower()), None)
