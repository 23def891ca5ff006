"""OData filters before they are sent: names, types and words checked against what each endpoint can filter by.

Defender answers a wrong filter with "Filter parameter is invalid" at best, and some with every row. Properties: the
service's page of each endpoint. Functions: those its examples show.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from riskbridge.errors import InputError
from riskbridge.model.source_model import MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES
from riskbridge.source.defender.links import Selection

LONGEST_FILTER = 8_000
"""Characters: longer addresses are cut or refused on the way."""

_SEVERITIES = ("None", "Low", "Medium", "High", "Critical")
_DATE_WITH_ZONE = re.compile(r"(?<![\w-])(\d{4}-\d{2}-\d{2})Z(?!\w)")
"""Such as the service's own `2018-08-01Z`, which strict OData does not know."""


@dataclass(frozen=True, slots=True)
class Property:
    """What a filter may compare: its spelling, its type, and the words it takes where they are known."""

    name: str
    type: Literal["text", "number", "time", "list", "id"] = "text"
    words: tuple[str, ...] = ()


FILTERABLE: dict[str, tuple[Property, ...]] = {
    MACHINES.stream: (
        Property("computerDnsName"),
        Property("id"),
        Property("version"),
        Property("deviceValue", words=("Normal", "Low", "High")),
        Property("aadDeviceId", "id"),
        Property("machineTags", "list"),
        Property("lastSeen", "time"),
        Property("exposureLevel", words=("None", "Low", "Medium", "High")),
        Property("onboardingStatus", words=("Onboarded", "CanBeOnboarded", "Unsupported", "InsufficientInfo")),
        Property("lastIpAddress"),
        Property(
            "healthStatus",
            words=(
                "Active",
                "Inactive",
                "ImpairedCommunication",
                "NoSensorData",
                "NoSensorDataImpairedCommunication",
                "Unknown",
            ),
        ),
        Property("osPlatform"),
        Property("riskScore", words=("None", "Informational", "Low", "Medium", "High")),
        Property("rbacGroupId", "id"),
    ),
    MACHINES_VULNERABILITIES.stream: (
        *(Property(n) for n in ("id", "cveId", "machineId", "fixingKbId", "productName", "productVersion")),
        Property("severity", words=_SEVERITIES),
        Property("productVendor"),
    ),
    VULNERABILITIES.stream: (
        *(Property(n) for n in ("id", "name", "description")),
        Property("cvssV3", "number"),
        Property("publishedOn", "time"),
        Property("severity", words=_SEVERITIES),
        Property("updatedOn", "time"),
    ),
}
"""What a filter may name, by stream."""

_LITERALS = {
    "text": ({"String"}, "text in single quotes"),
    "number": ({"Integer", "Float"}, "a number"),
    "time": ({"Date", "DateTime"}, "a time without quotes, such as 2026-01-31T00:00:00Z"),
    "id": ({"String", "Integer", "GUID"}, "text in single quotes or a number"),
}


def check_filter(text: str | None, stream: str) -> None:
    """Raise what is wrong with a profile's filter text; blank is everything and fine.

    Args:
        text: OData without its `$filter=`, perhaps followed by `&$top=` and `&$skip=`.
        stream: The stream it is for.

    Raises:
        InputError: `filter.syntax`, `filter.unknown-property`, `filter.wrong-type`, `filter.unknown-word`,
            `filter.unsupported`, `filter.too-long`; with `position`, the place in the text, from 1.
    """
    condition = Selection.from_text(text).filter
    if condition is None:
        return
    if len(condition) > LONGEST_FILTER:
        raise InputError(
            f"The filter has {len(condition):,} characters.",
            code="filter.too-long",
            remedy=f"Use at most {LONGEST_FILTER:,}; several profiles can share the work.",
        )
    _Check(condition, stream).check(_parse(condition))


def check_filters(device_filter: str | None, finding_filter: str | None) -> None:
    """Raise what is wrong with a profile's two filters, which of them it is, and where in it.

    Raises:
        InputError: As `check_filter`.
    """
    for noun, text, stream in (
        ("device", device_filter, MACHINES.stream),
        ("finding", finding_filter, MACHINES_VULNERABILITIES.stream),
    ):
        try:
            check_filter(text, stream)
        except InputError as error:
            place = f" at character {error.context['position']}" if "position" in error.context else ""
            message = f"The {noun} filter is wrong{place}: {error.message}"
            raise InputError(message, code=error.code, remedy=error.remedy, **error.context) from error


def _parse(condition: str) -> Any:
    from odata_query import exceptions as faults  # noqa: PLC0415 - builds its tables, a tenth of a second
    from odata_query.grammar import ODataLexer, ODataParser  # noqa: PLC0415

    try:
        # A blank for the Z keeps every position.
        tokens = ODataLexer().tokenize(_DATE_WITH_ZONE.sub(r"\1 ", condition).rstrip())
        return ODataParser().parse(tokens)
    except (faults.UnknownFunctionException, faults.ArgumentCountException) as error:
        raise _unsupported(f"the function {error.function_name}", condition, error.function_name) from error
    except faults.ODataException as error:
        token = getattr(error, "token", None)
        index = len(condition) if token is None else token.index
        index += len(condition[index:]) - len(condition[index:].lstrip())
        where = "at its end" if index >= len(condition) else f"at '{condition[index : index + 20]}'"
        raise _fault(
            f"The filter cannot be read {where}.",
            "filter.syntax",
            "Write such as: healthStatus eq 'Active' and lastSeen ge 2026-01-31T00:00:00Z",
            index,
        ) from error
    except (ValueError, RecursionError) as error:
        raise _fault(
            f"The filter cannot be read: {error}.", "filter.syntax", "Check dates, numbers and parentheses.", 0
        ) from error


class _Check:
    """One filter's check; `self._text` is for positions alone, since the parsed form has none."""

    def __init__(self, text: str, stream: str) -> None:
        self._text = text
        self._stream = stream
        self._properties = {p.name.lower(): p for p in FILTERABLE[stream]}

    def check(self, node: Any) -> None:
        kind = type(node).__name__
        known: dict[str, Callable[[Any], None]] = {
            "BoolOp": self._check_both,
            "UnaryOp": self._check_not,
            "Compare": self._check_comparison,
            "Call": self._check_call,
            "CollectionLambda": self._check_lambda,
        }
        if kind not in known:
            raise _unsupported(f"a condition that is only {self._worded(node)}", self._text, self._worded(node))
        known[kind](node)

    def _check_both(self, node: Any) -> None:
        self.check(node.left)
        self.check(node.right)

    def _check_not(self, node: Any) -> None:
        if type(node.op).__name__ != "Not":
            raise _unsupported("arithmetic", self._text, "-")
        self.check(node.operand)

    def _check_comparison(self, node: Any) -> None:
        word = type(node.comparator).__name__
        if word not in ("Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"):
            raise _unsupported("'in'", self._text, " in ")
        sides = (node.left, node.right)
        names = [s for s in sides if type(s).__name__ in ("Identifier", "Attribute")]
        if len(names) != 1:
            raise _unsupported("a comparison of other things than a property and a value", self._text, "")
        (value,) = (s for s in sides if s is not names[0])
        found = self._property(names[0])
        if found.type == "list":
            raise _unsupported(
                f"a comparison of {found.name}, which is a list (write: {found.name}/any(t: t eq 'x'))",
                self._text,
                self._worded(names[0]),
            )
        self._check_value(found, value)

    def _check_value(self, found: Property, value: Any) -> None:
        kind = type(value).__name__
        if kind == "Null":
            return
        kinds, said = _LITERALS[found.type]
        written = self._worded(value)
        if kind not in kinds:
            raise _fault(
                f"{found.name} cannot be compared with {written}.",
                "filter.wrong-type",
                f"Give {said}.",
                self._text.find(written),
            )
        if found.words and value.val.lower() not in (w.lower() for w in found.words):
            raise _fault(
                f"{found.name} is never '{value.val}'.",
                "filter.unknown-word",
                _nearest(value.val, found.words) + f"It is one of {', '.join(found.words)}.",
                self._text.find(written),
            )

    def _check_call(self, node: Any) -> None:
        name = node.func.name
        if name.lower() != "startswith":
            raise _unsupported(f"the function {name}", self._text, name)
        found = self._property(node.args[0])
        if found.type not in ("text", "id") or type(node.args[1]).__name__ != "String":
            raise _fault(
                "startswith takes a text property and a text.",
                "filter.wrong-type",
                "Write such as: startswith(computerDnsName,'srv-')",
                self._text.find(name),
            )

    def _check_lambda(self, node: Any) -> None:
        found = self._property(node.owner)
        inner: Any = node.lambda_.expression if node.lambda_ is not None else None
        is_plain = type(inner).__name__ == "Compare" and type(inner.comparator).__name__ == "Eq"
        if found.type != "list" or type(node.operator).__name__ != "Any" or not is_plain:
            raise _unsupported(f"this condition on {found.name}", self._text, self._worded(node.owner))
        self._check_value(Property(found.name), inner.right)

    def _property(self, node: Any) -> Property:
        name = self._worded(node)
        found = self._properties.get(name.lower())
        if found is None:
            names = [p.name for p in self._properties.values()]
            raise _fault(
                f"{self._stream} cannot be filtered by '{name}'.",
                "filter.unknown-property",
                _nearest(name, names) + f"It can be by {', '.join(names)}.",
                self._text.find(name),
            )
        return found

    def _worded(self, node: Any) -> str:
        kind = type(node).__name__
        if kind == "Attribute":
            return f"{self._worded(node.owner)}/{node.attr}"
        if kind == "Identifier":
            return str(node.full_name())
        if kind == "String":
            escaped = str(node.val).replace("'", "''")
            return f"'{escaped}'"
        return str(getattr(node, "val", "an expression"))


def _nearest(name: str, names: Any) -> str:
    by_lower = {n.lower(): n for n in names}
    found = get_close_matches(name.lower(), by_lower, n=1)
    return f"Did you mean {by_lower[found[0]]}? " if found else ""


def _unsupported(what: str, text: str, part: str) -> InputError:
    return _fault(
        f"Defender's filters do not know {what}.",
        "filter.unsupported",
        "Use eq, ne, gt, ge, lt, le, and, or, not, parentheses and startswith.",
        text.find(part) if part else 0,
    )


def _fault(message: str, code: str, remedy: str, index: int) -> InputError:
    return InputError(message, code=code, remedy=remedy, position=max(index, 0) + 1)
