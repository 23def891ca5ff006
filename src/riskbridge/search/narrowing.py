"""A query with one more condition: a column has a value. So numbers and groups lead to the rows behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskbridge.search.printing import render_value
from riskbridge.search.query import Value
from riskbridge.search.tokens import Subject, column_tokens


def narrow(subject: Subject, query: str, values: Mapping[str, Any]) -> str:
    """The query for rows that match and whose columns have the values; a value of None asks for its absence."""
    conditions = [_condition(subject, column, value) for column, value in values.items()]
    if query.strip():
        conditions.insert(0, f"({query.strip()})")
    return " and ".join(conditions)


def _condition(subject: Subject, column: str, value: Any) -> str:
    token = column_tokens(subject)[column]
    if value is None:
        return f"{token.name} is null"
    if isinstance(value, bool):
        return f"{token.name}:{'true' if value else 'false'}"
    if isinstance(value, int | float):
        return f"{token.name}:{value}"
    return f"{token.name}:{render_value(Value(str(value), 'exact'))}"
