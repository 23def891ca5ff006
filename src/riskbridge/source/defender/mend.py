"""Records that the strict types refuse: what can be mended without guessing is, the rest is told apart by reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from riskbridge.model.source_model import Field, SourceModel
from riskbridge.source.defender.shapes import record_type

LONGEST_RAW = 4000

_POWERSHELL = re.compile(r"@\{(.*)\}", re.DOTALL)
_POWERSHELL_NEXT = re.compile(r";\s*(?=\w+=)")
_PROBLEM = re.compile(r"Expected `(?P<expected>[^`]+)`(?:, got `(?P<found>[^`]+)`)?.*? - at `\$\.?(?P<path>[^`]*)`")
_WORDS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


class FaultyRecordError(ValueError):
    """A record cannot be used: `reason` is the stable code, the text says what was wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Mended:
    """A usable record, and the members of it that the data model does not know."""

    record: Any
    unknown: Mapping[str, Any]


class RecordMender:
    """Reads records of one stream one by one."""

    def __init__(self, model: SourceModel) -> None:
        self._model = model
        self._fields = {f.name: f for f in model.fields}
        self._record = record_type(model.fields, is_strict=False)

    def mend(self, raw: bytes | msgspec.Raw) -> Mended:
        """The record in that JSON text.

        Mended are: entries of objects that went through PowerShell and became `@{name=value; …}` (recorded), and whole
        numbers that arrive as text or with a fraction of zero (the documentation calls `rbacGroupId` a string).

        Raises:
            FaultyRecordError: `record-not-object`, `identity-missing`, `field-mistyped`, `field-unreadable`.
        """
        try:
            values = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FaultyRecordError("field-unreadable", f"the record's text cannot be decoded: {error}") from error
        if not isinstance(values, dict):
            raise FaultyRecordError("record-not-object", f"expected an object, found {_kind_of(values)}")
        self._require_identity(values)
        known = {name: _mend_value(self._fields[name], v) for name, v in values.items() if name in self._fields}
        try:
            record = msgspec.convert(known, self._record)
        except msgspec.ValidationError as error:
            raise FaultyRecordError("field-mistyped", _explain(error)) from error
        return Mended(record, self._unknown(values, known))

    def _require_identity(self, values: dict[str, Any]) -> None:
        for field in self._model.fields:
            if not field.required:
                continue
            value = values.get(field.name)
            if value is None or (isinstance(value, str) and not value):
                state = "null" if field.name in values and value is None else "empty" if value == "" else "missing"
                raise FaultyRecordError("identity-missing", f"{field.name} is {state}; a record needs it")

    def _unknown(self, values: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        unknown = {name: v for name, v in values.items() if name not in self._fields}
        for name, value in known.items():
            children = {c.name for c in self._fields[name].children}
            entries = value if isinstance(value, list) else [value]
            if children and any(isinstance(e, dict) and e.keys() - children for e in entries):
                unknown[name] = values[name]
        return unknown


def _mend_value(field: Field, value: Any) -> Any:
    if field.kind == "integer":
        return _mend_integer(value)
    if field.kind == "objects" and isinstance(value, list):
        return [_mend_object(f"{field.name}[{place}]", entry) for place, entry in enumerate(value)]
    return _mend_object(field.name, value) if field.kind == "object" else value


def _mend_integer(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    is_digits = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value) is not None
    return int(value) if is_digits else value


def _mend_object(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _POWERSHELL.fullmatch(value.strip())
    if found is None:
        raise FaultyRecordError("field-unreadable", f"{name}: expected an object, found the text {value[:80]!r}")
    pairs = (part.partition("=") for part in _POWERSHELL_NEXT.split(found[1]) if part.strip())
    return {key.strip(): text.strip() or None for key, _, text in pairs}


def _explain(error: msgspec.ValidationError) -> str:
    found = _PROBLEM.search(str(error))
    if found is None:
        return str(error)
    expected = " or ".join(_WORDS.get(w, w) for w in found["expected"].split(" | ") if w != "null")
    got = f", found {_WORDS.get(found['found'], found['found'])}" if found["found"] else ", found one out of range"
    return f"{found['path']}: expected {expected}{got}"


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    return "array" if isinstance(value, list) else _WORDS.get(type(value).__name__, "a value")
