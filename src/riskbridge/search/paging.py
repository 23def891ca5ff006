"""Pages of a list that go on after the last row of the one before: no row comes twice, and none is left out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.errors import InputError


@dataclass(frozen=True, slots=True)
class SortKey:
    """One column of a list's order; missing values come last in either direction."""

    column: str
    is_falling: bool


def sort_keys(sort: Sequence[str], id_column: str) -> tuple[SortKey, ...]:
    """The order that columns, each after a minus for falling order, describe; the id settles ties."""
    keys = [SortKey(s.removeprefix("-"), s.startswith("-")) for s in sort if s.removeprefix("-") != id_column]
    return (*keys, SortKey(id_column, is_falling=False))


def ordered(view: ir.Table, keys: Sequence[SortKey]) -> list[Any]:
    """The keys as an order of the view's rows."""
    return [
        view[k.column].desc(nulls_first=False) if k.is_falling else view[k.column].asc(nulls_first=False) for k in keys
    ]


def rows_after(view: ir.Table, keys: Sequence[SortKey], values: Sequence[Any]) -> ir.BooleanValue:
    """Whether a row comes after the one with those values.

    Args:
        view: A table with the keys' columns.
        keys: The order.
        values: One a key, as `encode_place` took them, or as text expressions; None for a missing value.
    """
    later: ir.BooleanValue = ibis.literal(value=False)
    for key, value in reversed(list(zip(keys, values, strict=True))):
        column = view[key.column]
        if value is None:
            later = column.isnull() & later
            continue
        typed = (value if isinstance(value, ir.Value) else ibis.literal(value)).cast(column.type())
        beyond = column < typed if key.is_falling else column > typed
        later = beyond | column.isnull() | ((column == typed) & later)
    return later


def encode_place(query: str, keys: Sequence[SortKey], row: dict[str, Any]) -> str:
    """The place of a row in a list, as text for whoever asks for the next page."""
    values = [_plain(row[k.column]) for k in keys]
    body = json.dumps([_fingerprint(query, keys), values], separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def decode_place(text: str, query: str, keys: Sequence[SortKey]) -> list[Any]:
    """The values of the row that a place stands for.

    Raises:
        InputError: `list.foreign-page`: it is no place, or one of another query or order.
    """
    try:
        fingerprint, values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        is_ours = fingerprint == _fingerprint(query, keys) and len(values) == len(keys)
        is_ours = is_ours and all(v is None or isinstance(v, str | int | float | bool) for v in values)
    except (ValueError, TypeError, binascii.Error):
        is_ours, values = False, []
    if not is_ours:
        raise InputError(
            "That page belongs to another query or order.",
            code="list.foreign-page",
            remedy="Leave `page` out to begin at the first page.",
        )
    return list(values)


def _fingerprint(query: str, keys: Sequence[SortKey]) -> str:
    order = [("-" if k.is_falling else "") + k.column for k in keys]
    return hashlib.sha256(json.dumps([query.strip(), order]).encode()).hexdigest()[:12]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
