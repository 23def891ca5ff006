"""What may come next in a query that is being typed: tokens, operators, values or a conjunction, at any place of any text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from riskbridge.search.printing import render_value
from riskbridge.search.query import Value
from riskbridge.search.tokens import TOKENS, Subject, Token, tokens_by_name

MOST = 20
"""Suggestions at once."""
PlaceKind = Literal["condition", "operator", "value", "conjunction"]
_LEXEME = re.compile(
    r"""(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)|(?P<open>["`].*\Z)|(?P<mark>>=|<=|\.{2,3}|[><=:()\[\],])"""
    r"""|(?P<word>(?:(?!\.\.)[^\s()\[\],"`:<>=])+)""",
    re.DOTALL,
)
_PLAIN = re.compile(r"(?!(?:and|or|not|is|null)\Z)[\w./+-]+", re.IGNORECASE)
_DATES = ("now-1d", "now-7d", "now-30d", "now-90d", "now")
_AGES = ("7", "30", "90", "365")
_OPERATORS: dict[str, tuple[tuple[str, str], ...]] = {
    "text": ((":", "has a word"), (':"', "has the phrase"), (":`", "is exactly")),
    "keyword": ((":", "is"), (":[", "is one of")),
    "boolean": ((":", "is"),),
    "number": ((":", "is"), (" >= ", "at least"), (" <= ", "at most"), (" > ", "more than"), (" < ", "less than"),
               (":[", "is one of, or within")),
    "date": ((":", "on the day"), (" >= ", "from"), (" <= ", "until"), (" > ", "after"), (" < ", "before"), (":[", "within")),
}  # fmt: skip
_OPERATORS["age"] = _OPERATORS["number"]
_NULLS = ((" is null", "has no value"), (" is not null", "has a value"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cursor is.

    Attributes:
        kind: What is expected there.
        start: Where what is being typed begins; a suggestion replaces the text from there to `end`.
        end: The cursor.
        typed: What is typed so far, without quotes.
        parents: Names of the groups around it.
        token: The token whose operator or value is expected; None where it is unknown.
        is_open: Whether a parenthesis is open.
    """

    kind: PlaceKind
    start: int
    end: int
    typed: str
    parents: tuple[str, ...] = ()
    token: Token | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What may be typed: `text` to insert, what it means, and how many rows have it where that was counted."""

    text: str
    kind: Literal["token", "group", "operator", "value", "conjunction"]
    description: str = ""
    count: int | None = None


@dataclass(slots=True)
class _Reading:
    """What is expected after what was read; `groups` has a name, or None for bare parentheses, for each that is open."""

    state: Literal["condition", "operator", "null", "value", "list", "conjunction"] = "condition"
    name: str = ""
    groups: list[str | None] = field(default_factory=list)

    @property
    def parents(self) -> tuple[str, ...]:
        return tuple(g for g in self.groups if g)

    def take(self, word: str, *, is_name: bool) -> None:
        lower = word.lower()
        if word in "()":
            self._take_parenthesis(word)
        elif self.state == "condition" and is_name:
            if lower != "not":
                self.state, self.name = "operator", word
        elif self.state == "operator":
            self.state = (
                "null" if lower == "is" else "value" if word in (":", ">", "<", ">=", "<=", "=") else "operator"
            )
        elif self.state == "null" and lower == "null":
            self.state = "conjunction"
        elif self.state == "value":
            self.state = "list" if word == "[" else "conjunction"
        elif self.state == "list" and word == "]":
            self.state = "conjunction"
        elif self.state == "conjunction" and lower in ("and", "or"):
            self.state = "condition"

    def _take_parenthesis(self, word: str) -> None:
        if word == ")":
            if self.state == "list":
                self.state = "conjunction"
            elif self.groups:
                self.groups.pop()
                self.state = "conjunction"
        elif self.state == "value":
            self.groups.append(self.name)
            self.state = "condition"
        elif self.state == "condition":
            self.groups.append(None)


def find_place(text: str, cursor: int, subject: Subject) -> Place:
    """What the cursor is at; never fails, whatever was typed.

    Args:
        text: The whole query; what is behind the cursor does not count.
        cursor: Characters before it; taken as the end where it is beyond.
        subject: What the query is about.
    """
    cursor = max(0, min(cursor, len(text)))
    reading, typed, start = _Reading(), "", cursor
    for found in _LEXEME.finditer(text[:cursor]):
        word = found.group()
        if found.lastgroup in ("word", "open") and found.end() == cursor:
            start, typed = found.start(), word.lstrip('"`')
            break
        if word == "(" and reading.state == "value" and _is_token(reading, subject):
            reading.state = "list"
        else:
            reading.take(word, is_name=found.lastgroup == "word")
    if reading.state == "conjunction" and typed and not re.match(r"(?:an?d?|or?)\Z", typed, re.IGNORECASE):
        # A further word of an unquoted value.
        return Place("conjunction", cursor, cursor, "", is_open=bool(reading.groups))
    kind: dict[str, PlaceKind] = {"null": "operator", "list": "value"}
    place = Place(kind.get(reading.state, reading.state), start, cursor, typed, reading.parents)  # type: ignore[arg-type]
    name = ".".join((*reading.parents, reading.name)).lower()
    token = tokens_by_name(subject).get(name) if place.kind in ("operator", "value") else None
    return replace(place, token=token, is_open=bool(reading.groups))


def _is_token(reading: _Reading, subject: Subject) -> bool:
    """Whether a parenthesis after the name opens a range, not a group."""
    return ".".join((*reading.parents, reading.name)).lower() in tokens_by_name(subject)


def suggest(
    place: Place, subject: Subject, values: Sequence[tuple[Any, int]], now: datetime | None = None
) -> list[Suggestion]:
    """What may be typed at a place, best first.

    Args:
        place: As `find_place` gives it.
        subject: What the query is about.
        values: Values that the token's column has, commonest first, each with the number of rows.
        now: The moment, for dates.
    """
    if place.kind == "condition":
        return _names(place, subject)
    if place.kind == "operator":
        return _operators(place)
    if place.kind == "value":
        return _values(place, values, now or datetime.now(UTC))
    return _conjunctions(place)


def _names(place: Place, subject: Subject) -> list[Suggestion]:
    prefix = "".join(f"{p.lower()}." for p in place.parents)
    typed, found = place.typed.lower(), []
    own_first = sorted(TOKENS[subject], key=lambda t: t.element not in (None, "source"))
    for token in own_first:
        for name in (token.name, *token.aliases):
            rest = name[len(prefix) :] if name.lower().startswith(prefix) else ""
            rank = _rank(rest.lower(), typed) if rest else None
            if rank is not None:
                found.append(((rank, name != token.name), Suggestion(rest, "token", token.description)))
                break
    groups = {
        "inventory",
        "software",
        "detection",
        "asset.interface",
        "operatingSystem",
        "finding",
        "finding.riskFactor",
    }
    if not place.parents:
        named = ((_rank(g.lower(), typed), g) for g in sorted(groups))
        found += [
            ((r, True), Suggestion(f"{g}:(", "group", "Conditions on one of them"))
            for r, g in named
            if r is not None and typed
        ]
    order = sorted(range(len(found)), key=lambda n: (found[n][0], n))
    suggestions = [found[n][1] for n in order[:MOST]]
    return suggestions + ([Suggestion("not ", "conjunction", "The next condition does not hold")] if not typed else [])


def _rank(name: str, typed: str) -> int | None:
    if name == typed or name.startswith(typed):
        return 0
    if any(part.startswith(typed) for part in name.split(".")):
        return 1
    return 2 if typed in name else None


def _operators(place: Place) -> list[Suggestion]:
    if place.token is None:
        return [Suggestion(":", "operator", "is")]
    known = (*_OPERATORS[place.token.kind], *_NULLS)
    return [Suggestion(t, "operator", d) for t, d in known if t.strip().lower().startswith(place.typed.lower())]


def _values(place: Place, values: Sequence[tuple[Any, int]], now: datetime) -> list[Suggestion]:
    token, typed = place.token, place.typed.lower()
    if token is None:
        return []
    counted = {_as_text(v): n for v, n in values if v is not None}
    fixed: Sequence[str] = token.values
    if token.kind == "date":
        fixed = (*_DATES, f"{now:%Y-%m-%d}")
    elif token.kind == "age":
        fixed = _AGES
    texts = list(dict.fromkeys([*(t for t in counted if t not in fixed), *fixed] if counted else fixed))
    texts.sort(key=lambda t: -counted.get(t, 0))
    fitting = [t for t in texts if typed in t.lower()]
    fitting.sort(key=lambda t: not t.lower().startswith(typed))
    return [Suggestion(_written(t, token), "value", "", counted.get(t)) for t in fitting[:MOST]]


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _written(text: str, token: Token) -> str:
    is_bare = _PLAIN.fullmatch(text) and token.kind != "text"
    return text if is_bare else render_value(Value(text, "exact"))


def _conjunctions(place: Place) -> list[Suggestion]:
    known = [("and ", "Both hold"), ("or ", "One of them holds")]
    if place.is_open:
        known.append((")", "Close the group"))
    typed = place.typed.lower()
    return [Suggestion(t, "conjunction", d) for t, d in known if t.startswith(typed)]
