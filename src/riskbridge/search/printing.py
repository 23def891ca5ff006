"""A query as text: what parsing it gives again, in one spelling."""

from __future__ import annotations

from riskbridge.search.query import (
    And,
    Comparison,
    Condition,
    Everything,
    Group,
    IsNull,
    Match,
    Not,
    Or,
    Range,
    Value,
)


def render_query(condition: Condition) -> str:
    """The text of a condition; `parse` of it gives an equal condition.

    Keywords are in lower case, parentheses stand only where they change or keep something, and every value keeps its
    quotes. The empty query is the empty text.
    """
    match condition:
        case Everything():
            return ""
        case Or(parts):
            return " or ".join(_inner(p, Or) for p in parts)
        case And(parts):
            return " and ".join(_inner(p, And, Or) for p in parts)
        case Not(IsNull(name)):
            return f"{name.text} is not null"
        case Not(part):
            return f"not {_inner(part, And, Or)}"
        case Group(name, part):
            return f"{name.text}:({render_query(part)})"
        case _:
            return _leaf(condition)


def render_value(value: Value) -> str:
    """A value with its quotes, the same marks inside written twice."""
    if value.style == "phrase":
        return '"' + value.text.replace('"', '""') + '"'
    if value.style == "exact":
        return "`" + value.text.replace("`", "``") + "`"
    return value.text


def _leaf(leaf: Match | Comparison | Range | IsNull) -> str:
    match leaf:
        case Match(name, (value,)):
            return f"{name.text}:{render_value(value)}"
        case Match(name, values):
            return f"{name.text}:[{', '.join(map(render_value, values))}]"
        case Comparison(name, operator, value):
            return f"{name.text} {operator} {render_value(value)}"
        case IsNull(name):
            return f"{name.text} is null"
        case Range(name, low, high, has_low, has_high):
            ends = [render_value(end) if end else "" for end in (low, high)]
            return f"{name.text}:{'[' if has_low else '('}{ends[0]} .. {ends[1]}{']' if has_high else ')'}"


def _inner(condition: Condition, *looser: type) -> str:
    """The condition, in parentheses where it would fall apart without."""
    text = render_query(condition)
    return f"({text})" if isinstance(condition, looser) else text
