"""OData as the service is known to understand it: a filter becomes a predicate over a record.

Understood: `eq ne gt ge lt le and or not`, parentheses, `startswith(property,'x')`, `machineTags/any(t: t eq 'x')`,
property names and enum words in any letter case, unquoted dates, also in the form `2018-08-01Z`. What the service's own
documentation does not promise (`contains`, `endswith`, `in`, arithmetic) is refused, so that a client which needs it
notices here first.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from riskbridge.model.source_model import SOURCE_MODELS, Kind

Predicate = Callable[[dict[str, Any]], bool]
Value = str | float | bool | None

FILTERABLE: dict[str, frozenset[str]] = {
    "machines": frozenset((
        "computerDnsName", "id", "version", "deviceValue", "aadDeviceId", "machineTags", "lastSeen",
        "exposureLevel", "onboardingStatus", "lastIpAddress", "healthStatus", "osPlatform", "riskScore",
        "rbacGroupId",
    )),
    "machinesVulnerabilities": frozenset((
        "id", "cveId", "machineId", "fixingKbId", "productName", "productVersion", "severity",
        "productVendor",
    )),
    "vulnerabilities": frozenset((
        "id", "name", "description", "cvssV3", "publishedOn", "severity", "updatedOn",
    )),
}  # fmt: skip
"""Properties that a filter may name, by stream. Source: the service's page of each endpoint."""

TYPE_NAMES = {
    "machines": "microsoft.windowsDefenderATP.api.Machine",
    "machinesVulnerabilities": "microsoft.windowsDefenderATP.api.PublicAssetVulnerabilityDto",
    "vulnerabilities": "microsoft.windowsDefenderATP.api.PublicVulnerabilityDto",
}
_ENUMS = frozenset((
    "deviceValue", "exposureLevel", "onboardingStatus", "healthStatus", "osPlatform", "riskScore", "severity",
))  # fmt: skip
_NUMERIC_TEXT = frozenset({"rbacGroupId"})
"""Documented as text and sent as a number: both forms are taken."""

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<date>\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,12})?)?)?(?:Z|[+-]\d{2}:\d{2})?(?![\w.-]))"
    r"|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))|(?P<word>[A-Za-z_]\w*)|(?P<mark>[(),/:]))"
)
_OPERATORS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "eq": ("Equal", operator.eq),
    "ne": ("NotEqual", operator.ne),
    "gt": ("GreaterThan", operator.gt),
    "ge": ("GreaterThanOrEqual", operator.ge),
    "lt": ("LessThan", operator.lt),
    "le": ("LessThanOrEqual", operator.le),
}
_EDM: dict[Kind, str] = {
    "string": "Edm.String",
    "integer": "Edm.Int64",
    "number": "Edm.Double",
    "boolean": "Edm.Boolean",
    "datetime": "Edm.DateTimeOffset",
    "strings": "Collection(Edm.String)",
}
_ACCEPTS: dict[str, tuple[Kind, ...]] = {
    "string": ("string",),
    "date": ("datetime",),
    "number": ("integer", "number"),
    "boolean": ("boolean",),
    "null": ("string", "integer", "number", "boolean", "datetime"),
}


class FilterError(ValueError):
    """The text cannot be understood, or names what may not be named; the message is worded as the service words it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: its predicate, the properties it names, and values that must hold for any record it keeps.

    `required` maps a property to the text that an `eq` at the top of the filter wants of it.
    """

    keeps: Predicate
    names: frozenset[str]
    required: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """An `$orderby`: property and direction pairs, in order of weight."""

    keys: tuple[tuple[str, bool], ...]

    def sort(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records in this order; equal ones keep theirs, null comes first."""
        for name, is_descending in reversed(self.keys):
            records = sorted(records, key=lambda r, n=name: sortable(r.get(n)), reverse=is_descending)  # type: ignore[misc]
        return records


def parse_filter(text: str, stream: str) -> Filter:
    """A `$filter` of a stream.

    Raises:
        FilterError: The text is not OData, or names an unknown or unfilterable property, or compares different types.
    """
    parser = _Parser(text, stream)
    return parser.whole()


def parse_order(text: str, stream: str) -> Order:
    """An `$orderby` of a stream.

    Raises:
        FilterError: It names an unknown property or an unknown direction.
    """
    kinds = _kinds(stream)
    keys = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        direction = direction.strip().lower() or "asc"
        if name.lower() not in kinds:
            raise FilterError(f"Could not find a property named '{name}' on type '{TYPE_NAMES[stream]}'.")
        if direction not in ("asc", "desc"):
            raise FilterError(f"Syntax error at position {text.find(direction)} in '{text}'.")
        keys.append((kinds[name.lower()][0], direction == "desc"))
    return Order(tuple(keys))


def known_names(stream: str) -> dict[str, str]:
    """Property names of a stream by their lower-case form."""
    return {low: name for low, (name, _) in _kinds(stream).items()}


def sortable(value: Any) -> tuple[int, Any]:
    """A key that orders null first and never compares different kinds."""
    if value is None:
        return (0, 0)
    return (1, value) if isinstance(value, int | float) else (2, str(value))


def instant(text: str) -> str:
    """A time as text that sorts: UTC with seven digits of fraction; a date alone is its midnight."""
    clock = text.upper().removesuffix("Z").removesuffix("+00:00")
    day, _, rest = clock.partition("T")
    time, _, fraction = rest.partition(".")
    return f"{day}T{(time + ':00' if time.count(':') == 1 else time) or '00:00:00'}.{fraction:0<7}"


def _kinds(stream: str) -> dict[str, tuple[str, Kind]]:
    model = next(m for m in SOURCE_MODELS if m.stream == stream)
    return {f.name.lower(): (f.name, f.kind) for f in model.fields}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str, stream: str) -> None:
        self._text = text
        self._stream = stream
        self._kinds = _kinds(stream)
        self._tokens = self._split(text)
        self._at = 0

    def whole(self) -> Filter:
        found = self._disjunction()
        if self._token.kind != "end":
            self._fail()
        return found

    def _split(self, text: str) -> list[_Token]:
        tokens, place, end = [], 0, len(text.rstrip())
        while place < end:
            match = _TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                place += len(text[place:]) - len(text[place:].lstrip())
                raise FilterError(f"Syntax error at position {place} in '{text}'.")
            tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            place = match.end()
        return [*tokens, _Token("end", "", end)]

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _fail(self) -> NoReturn:
        raise FilterError(f"Syntax error at position {self._token.place} in '{self._text}'.")

    def _takes(self, *texts: str) -> str | None:
        if self._token.kind in ("word", "mark") and self._token.text.lower() in texts:
            self._at += 1
            return self._tokens[self._at - 1].text.lower()
        return None

    def _require(self, kind: str, text: str | None = None) -> _Token:
        token = self._token
        if token.kind != kind or (text is not None and token.text.lower() != text):
            self._fail()
        self._at += 1
        return token

    def _disjunction(self) -> Filter:
        left = self._conjunction()
        while self._takes("or"):
            left = _either(left, self._conjunction())
        return left

    def _conjunction(self) -> Filter:
        left = self._negation()
        while self._takes("and"):
            left = _both(left, self._negation())
        return left

    def _negation(self) -> Filter:
        if self._takes("not"):
            inner = self._negation()
            keeps = inner.keeps
            return Filter(lambda row: not keeps(row), inner.names)
        if self._takes("("):
            inner = self._disjunction()
            self._require("mark", ")")
            return inner
        return self._predicate()

    def _predicate(self) -> Filter:
        word = self._require("word")
        if word.text.lower() == "startswith" and self._takes("("):
            return self._starts_with()
        if self._token.text == "(":
            raise FilterError(f"An unknown function with name '{word.text}' was found.")
        name, kind = self._property(word.text)
        if self._takes("/"):
            return self._any(name, kind)
        return self._comparison(name, kind)

    def _comparison(self, name: str, kind: Kind) -> Filter:
        word = self._require("word").text.lower()
        if word not in _OPERATORS:
            self._at -= 1
            self._fail()
        label, compare = _OPERATORS[word]
        given, value = self._literal()
        if name in _NUMERIC_TEXT and given == "string" and str(value).lstrip("-").isdigit():
            given, value = "number", float(str(value))
        if kind not in _ACCEPTS[given]:
            literal = _EDM[_ACCEPTS[given][0]]
            raise FilterError(
                "A binary operator with incompatible types was detected. "
                f"Found operand types '{_EDM[kind]}' and '{literal}' for operator kind '{label}'."
            )
        required = {name: value} if word == "eq" and isinstance(value, str) and kind == "string" else {}
        return Filter(_comparing(name, _shape(name, kind), word, compare, value), frozenset({name}), required)

    def _starts_with(self) -> Filter:
        name, kind = self._property(self._require("word").text)
        self._require("mark", ",")
        _, start = self._literal()
        self._require("mark", ")")
        if kind != "string" or not isinstance(start, str):
            raise FilterError("No function signature for the function with name 'startswith' matches the arguments.")
        folded = start.lower()
        return Filter(lambda row: str(row.get(name) or "").lower().startswith(folded), frozenset({name}))

    def _any(self, name: str, kind: Kind) -> Filter:
        self._require("word", "any")
        self._require("mark", "(")
        variable = self._require("word").text
        self._require("mark", ":")
        self._require("word", variable.lower())
        self._require("word", "eq")
        _, wanted = self._literal()
        self._require("mark", ")")
        if kind != "strings":
            raise FilterError("Any/All may only be used following a collection.")
        return Filter(lambda row: wanted in (row.get(name) or ()), frozenset({name}))

    def _property(self, text: str) -> tuple[str, Kind]:
        found = self._kinds.get(text.lower())
        if found is None:
            raise FilterError(f"Could not find a property named '{text}' on type '{TYPE_NAMES[self._stream]}'.")
        if found[0] not in FILTERABLE[self._stream]:
            raise FilterError(f"The property '{found[0]}' cannot be used in the $filter query option.")
        return found

    def _literal(self) -> tuple[str, Value]:
        token = self._token
        words: dict[str, tuple[str, Value]] = {
            "true": ("boolean", True),
            "false": ("boolean", False),
            "null": ("null", None),
        }
        self._at += token.kind != "end"
        if token.kind == "string":
            return "string", token.text[1:-1].replace("''", "'")
        if token.kind == "number":
            return "number", float(token.text)
        if token.kind == "date":
            return "date", token.text
        if token.kind == "word" and token.text.lower() in words:
            return words[token.text.lower()]
        self._at -= token.kind != "end"
        return self._fail()


def _shape(name: str, kind: Kind) -> Callable[[Any], Any]:
    """What both sides of a comparison are brought to."""
    if kind == "datetime":
        return instant
    return str.lower if name in _ENUMS else lambda value: value


def _comparing(
    name: str, shape: Callable[[Any], Any], word: str, compare: Callable[[Any, Any], bool], value: Value
) -> Predicate:
    if value is None:
        # OData: null equals null alone, and is neither less nor greater than anything.
        wants_null = word == "eq"
        return (lambda row: (row.get(name) is None) == wants_null) if word in ("eq", "ne") else (lambda _: False)
    wanted, passes_null = shape(value), word == "ne"

    def keeps(row: dict[str, Any]) -> bool:
        held = row.get(name)
        return passes_null if held is None else compare(shape(held), wanted)

    return keeps


def _both(left: Filter, right: Filter) -> Filter:
    one, other = left.keeps, right.keeps
    required = left.required | right.required
    return Filter(lambda row: one(row) and other(row), left.names | right.names, required)


def _either(left: Filter, right: Filter) -> Filter:
    one, other = left.keeps, right.keeps
    return Filter(lambda row: one(row) or other(row), left.names | right.names)
