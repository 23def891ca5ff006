"""A query to one Ibis expression over a view. No SQL text is ever put together from what a person typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.search.fault import find_nearest, make_fault
from riskbridge.search.predicates import UnfitValueError, all_of, any_of, compare, is_one_of, is_within
from riskbridge.search.qql import parse
from riskbridge.search.query import (
    And,
    Comparison,
    Condition,
    Everything,
    Group,
    IsNull,
    Match,
    Name,
    Not,
    Or,
    Range,
)
from riskbridge.search.tokens import Subject, Token, published_names, tokens_by_name

_TRUE = ibis.literal(value=True)
_FALSE = ibis.literal(value=False)
_EXAMPLE = {"findings": "finding.severity", "assets": "asset.name"}

Leaf = Match | Comparison | Range | IsNull


def compile_query(query: str, table: ir.Table, kind: Subject, now: datetime) -> ir.BooleanValue:
    """The condition a QQL text puts on the rows of a view.

    Text: unquoted, one of the words begins a word of the text; in double quotes, the words stand side by side and in
    order; in backticks, the whole text is equal, letter case included. Keywords (ids, statuses, severity words) are
    compared whole in any letter case, however quoted. `*` in an unquoted value stands for anything. Days and moments
    are UTC. `not` holds where the condition does not, so also where there is no value.

    Args:
        query: The text; blank holds for every row.
        table: `finding_view` or `asset_view`, or a part of them with the columns of `referenced_columns`.
        kind: What the rows are.
        now: What `now` stands for, with a time zone.

    Returns:
        True for the rows meant; false or null for the others, as `filter` takes it.

    Raises:
        InputError: `qql.syntax`, `qql.unknown-token`, `qql.bad-value`, each with `line` and `column`.
    """
    parsed = parse(query)
    return _compile(parsed.condition, _Scope(_Names(parsed.text, kind), table, now))


def referenced_columns(query: str, kind: Subject) -> frozenset[str]:
    """The columns of the view that a QQL text asks about.

    Raises:
        InputError: `qql.syntax` or `qql.unknown-token`.
    """
    parsed = parse(query)
    return frozenset(t.column for t in _tokens(parsed.condition, _Names(parsed.text, kind)))


@dataclass(frozen=True, slots=True)
class _Names:
    """Finds tokens by the names of one query, below the parents of its groups."""

    text: str
    kind: Subject
    parents: tuple[str, ...] = ()

    def below(self, name: Name) -> _Names:
        return replace(self, parents=(*self.parents, name.text))

    def find_token(self, name: Name, columns: tuple[str, ...] | None = None) -> Token:
        written = ".".join((*self.parents, name.text))
        token = tokens_by_name(self.kind).get(written.lower())
        if token is not None and (columns is None or token.column in columns):
            return token
        nearest = find_nearest(written, published_names(self.kind))
        raise make_fault(
            self.text,
            name.offset,
            len(name.text),
            code="qql.unknown-token",
            cause=f"There is no token '{written}' for {self.kind}",
            remedy=f"Did you mean {nearest}?" if nearest else f"Write a token such as {_EXAMPLE[self.kind]}.",
            nearest=nearest,
        )


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a condition stands; `elements` narrows list columns to the element a group is about."""

    names: _Names
    table: ir.Table
    now: datetime
    elements: dict[str, ir.Value] = field(default_factory=dict)


def _compile(condition: Condition, scope: _Scope) -> ir.BooleanValue:
    match condition:
        case Everything():
            return _TRUE
        case And(parts):
            return all_of([_compile(p, scope) for p in parts])
        case Or(parts):
            return any_of([_compile(p, scope) for p in parts])
        case Not(part):
            # Null means that the condition does not hold, here and at the top; in between it may stay null.
            return ~_compile(part, scope).fill_null(_FALSE)
        case Group(name, part):
            return _compile_group(name, part, replace(scope, names=scope.names.below(name)))
        case _:
            return _compile_leaf(condition, scope)


def _compile_group(name: Name, condition: Condition, scope: _Scope) -> ir.BooleanValue:
    lists = {t.column: t for t in _tokens(condition, scope.names) if t.is_list and t.column not in scope.elements}
    if not lists:
        return _compile(condition, scope)
    if len(lists) > 1:
        raise make_fault(
            scope.names.text,
            name.offset,
            len(name.text),
            code="qql.bad-value",
            cause=f"{' and '.join(sorted(t.name for t in lists.values()))} are lists of their own; no element has both",
            remedy="Ask for them side by side, joined by and, without the group.",
        )
    ((column, token),) = lists.items()
    return _any_element(
        _column(token, scope), lambda e: _compile(condition, replace(scope, elements=scope.elements | {column: e}))
    )


def _compile_leaf(leaf: Leaf, scope: _Scope) -> ir.BooleanValue:
    token = scope.names.find_token(leaf.name, scope.table.columns)
    value = scope.elements.get(token.column)
    if value is not None or not token.is_list:
        return _ask(leaf, token, _column(token, scope) if value is None else value, scope)
    if isinstance(leaf, IsNull):
        values = _column(token, scope)
        return values.isnull() | (values.length() == 0)
    return _any_element(_column(token, scope), lambda e: _ask(leaf, token, e, scope))


def _ask(leaf: Leaf, token: Token, column: Any, scope: _Scope) -> ir.BooleanValue:
    try:
        match leaf:
            case IsNull():
                return column.isnull()
            case Match(_, values):
                return is_one_of(token, column, values, scope.now)
            case Comparison(_, operator, value):
                return compare(token, column, operator, value, scope.now)
            case Range():
                return is_within(token, column, leaf, scope.now)
    except UnfitValueError as error:
        raise make_fault(
            scope.names.text,
            error.value.offset,
            error.value.length,
            code="qql.bad-value",
            cause=str(error),
            remedy=error.remedy,
        ) from None


def _any_element(values: Any, predicate: Callable[[Any], ir.BooleanValue]) -> ir.BooleanValue:
    return values.filter(predicate).length() > 0


def _column(token: Token, scope: _Scope) -> Any:
    return scope.table[token.column]


def _tokens(condition: Condition, names: _Names) -> Iterator[Token]:
    match condition:
        case Everything():
            return
        case And(parts) | Or(parts):
            for part in parts:
                yield from _tokens(part, names)
        case Not(part):
            yield from _tokens(part, names)
        case Group(name, part):
            yield from _tokens(part, names.below(name))
        case _:
            yield names.find_token(condition.name)
