"""A query to one Ibis expression over a view. No SQL text is ever put together from what a person typed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.errors import InputError
from riskbridge.search.checks import Check, all_of, any_of
from riskbridge.search.fault import find_nearest, make_fault
from riskbridge.search.predicates import Leaf, UnfitValueError, read_leaf
from riskbridge.search.qql import parse
from riskbridge.search.query import And, Condition, Everything, Group, IsNull, Name, Not, Or, Query
from riskbridge.search.tokens import Element, Subject, Token, published_names, tokens_by_name
from riskbridge.search.uncollected import find_uncollected

_TRUE = ibis.literal(value=True)
_FALSE = ibis.literal(value=False)
_EXAMPLE = {"findings": "finding.severity", "assets": "asset.name"}

ELEMENT_KEYS: dict[Subject, frozenset[str]] = {
    "findings": frozenset(("finding_id", "asset_id")),
    "assets": frozenset(("asset_id",)),
}
"""Columns by which a list's rows have elements."""
ELEMENT_REMEDIES: dict[Element, str] = {
    "software": "Read the software inventory (connector change NAME --software), or ask for finding.product.name.",
    "detection": "Ask for tokens of findings instead.",
    "finding": "Choose assets by what they are: name, group, tags, operating system, dates.",
    "source": "Ask for inventory.source instead.",
}


@dataclass(frozen=True, slots=True)
class ElementRows:
    """Rows of which a list's row may have several: `rows` has the columns asked for and `key`, which the list has too."""

    rows: ir.Table
    key: str


FindElement = Callable[[Element, frozenset[str]], ElementRows | str | None]
"""Gives the rows of an element with those columns; a text that says why there are none; None: the list has the columns."""


def compile_query(
    query: str, table: ir.Table, kind: Subject, now: datetime, elements: FindElement | None = None
) -> ir.BooleanValue:
    """The condition a QQL text puts on the rows of a view.

    Text: unquoted, one of the words begins a word of the text; in double quotes, the words stand side by side and in
    order; in backticks, the whole text is equal, letter case included. Keywords (ids, statuses, severity words) are
    compared whole in any letter case, however quoted. `*` in an unquoted value stands for anything. Days and moments
    are UTC. `not` holds where the condition does not, so also where there is no value. A token of which a row has
    several values holds where one of them does; a group whose tokens are all of one such element asks the same one.

    Args:
        query: The text; blank holds for every row.
        table: `finding_view` or `asset_view`, or a part of them with the columns of `referenced_columns`.
        kind: What the rows are.
        now: What `now` stands for, with a time zone.
        elements: Finds rows of elements; None refuses their tokens.

    Returns:
        True for the rows meant; false or null for the others, as `filter` takes it.

    Raises:
        InputError: `qql.syntax`, `qql.unknown-token`, `qql.not-collected`, `qql.bad-value`, each with `line` and `column`.
    """
    return read_query(query, kind, now).expression(table, elements)


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """A query that was read: its tokens are known and its values fit.

    Attributes:
        query: As it was parsed.
        kind: What the rows are.
        leaves: By the place of its name, each condition's number, token and check.
    """

    query: Query
    kind: Subject
    leaves: dict[int, tuple[int, Token, Check]]

    @property
    def shape(self) -> Hashable:
        """Equal for queries whose expressions differ in their constants alone."""
        return self.kind, _shape(self.query.condition, self.leaves)

    @property
    def constants(self) -> dict[str, str]:
        """The constants by the name under which `expression` asks for them."""
        found = ((number, check.constants) for number, _, check in self.leaves.values())
        return {f"{number}.{n}": text for number, texts in found for n, text in enumerate(texts)}

    @property
    def tokens(self) -> frozenset[Token]:
        """What it asks for."""
        return frozenset(token for _, token, _ in self.leaves.values())

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the view that it asks for, keys of elements included."""
        return _columns(self.tokens, self.kind)

    def expression(
        self, table: ir.Table, elements: FindElement | None = None, bind: Callable[[str], Any] | None = None
    ) -> ir.BooleanValue:
        """The condition on the rows of a view; see `compile_query`.

        Args:
            table: The view, with `columns`.
            elements: Finds rows of elements; None refuses their tokens.
            bind: Gives a constant by its name, as a text expression; None puts the constants themselves in.

        Raises:
            InputError: `qql.unknown-token`, `qql.not-collected`, `qql.bad-value`.
        """
        constants = self.constants
        names = _Names(self.query.text, self.kind)
        scope = _Scope(names, table, self.leaves, bind or (lambda name: ibis.literal(constants[name])), elements)
        return _compile(self.query.condition, scope)


def read_query(query: str, kind: Subject, now: datetime) -> ReadQuery:
    """A QQL text as it is understood.

    Raises:
        InputError: `qql.syntax`, `qql.unknown-token`, `qql.not-collected`, `qql.bad-value`, each with `line` and `column`.
    """
    parsed = parse(query)
    leaves: dict[int, tuple[int, Token, Check]] = {}
    for leaf, token in _asked(parsed.condition, _Names(parsed.text, kind)):
        leaves[leaf.name.offset] = (len(leaves), token, _read(leaf, token, parsed.text, now))
    return ReadQuery(parsed, kind, leaves)


def _read(leaf: Leaf, token: Token, text: str, now: datetime) -> Check:
    try:
        return read_leaf(leaf, token, now)
    except UnfitValueError as error:
        raise make_fault(
            text, error.value.offset, error.value.length, code="qql.bad-value", cause=str(error), remedy=error.remedy
        ) from None


def referenced_columns(query: str, kind: Subject) -> frozenset[str]:
    """The columns of the view that a QQL text asks about, keys of elements included.

    Raises:
        InputError: `qql.syntax`, `qql.unknown-token` or `qql.not-collected`.
    """
    parsed = parse(query)
    return _columns((token for _, token in _asked(parsed.condition, _Names(parsed.text, kind))), kind)


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
        missing = find_uncollected(written, self.kind)
        if missing is not None:
            raise self.not_collected(name, written, missing.why, missing.remedy)
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

    def not_collected(self, name: Name, written: str, why: str, remedy: str) -> InputError:
        return make_fault(
            self.text,
            name.offset,
            len(name.text),
            code="qql.not-collected",
            cause=f"'{written}' is not collected: {why}",
            remedy=remedy,
        )


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a condition stands.

    `values` narrows list columns to the one a group is about; `element` is the kind of rows that `table` holds where a
    condition is about elements.
    """

    names: _Names
    table: ir.Table
    leaves: dict[int, tuple[int, Token, Check]]
    bind: Callable[[str], Any]
    elements: FindElement | None = None
    values: dict[str, ir.Value] = field(default_factory=dict)
    element: Element | None = None


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
    tokens = [token for _, token in _asked(condition, scope.names)]
    kinds = {t.element for t in tokens}
    (kind,) = kinds if len(kinds) == 1 else (None,)
    if kind is not None and kind != scope.element:
        found = _find_element(kind, name, frozenset(t.column for t in tokens), scope)
        if found is not None:
            inside = replace(scope, table=found.rows, element=kind)
            return _is_in(found, _compile_group(name, condition, inside), scope)
    lists = {t.column: t for t in tokens if t.is_list and _is_own(t, scope) and t.column not in scope.values}
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
    return _any_value(
        _column(token, scope), lambda e: _compile(condition, replace(scope, values=scope.values | {column: e}))
    )


def _compile_leaf(leaf: Leaf, scope: _Scope) -> ir.BooleanValue:
    token = scope.names.find_token(leaf.name)
    if not _is_own(token, scope):
        assert token.element is not None  # what is not an element's is the list's own
        found = _find_element(token.element, leaf.name, frozenset((token.column,)), scope)
        if found is not None:
            return _compile_of_element(leaf, token, found, scope)
    token = scope.names.find_token(leaf.name, scope.table.columns)
    value = scope.values.get(token.column)
    if value is not None or not token.is_list:
        return _ask(leaf, _column(token, scope) if value is None else value, scope)
    if isinstance(leaf, IsNull):
        values = _column(token, scope)
        return values.isnull() | (values.length() == 0)
    return _any_value(_column(token, scope), lambda e: _ask(leaf, e, scope))


def _compile_of_element(leaf: Leaf, token: Token, found: ElementRows, scope: _Scope) -> ir.BooleanValue:
    inside = replace(scope, table=found.rows, element=token.element)
    if isinstance(leaf, IsNull):
        # No element has a value: so it is where there is no element, too.
        return ~_is_in(found, ~_compile_leaf(leaf, inside).fill_null(_FALSE), scope).fill_null(_FALSE)
    return _is_in(found, _compile_leaf(leaf, inside), scope)


def _is_own(token: Token, scope: _Scope) -> bool:
    """Whether the rows at hand have the token's column themselves."""
    return token.element in (None, scope.element)


def _find_element(kind: Element, name: Name, columns: frozenset[str], scope: _Scope) -> ElementRows | None:
    if scope.elements is None and kind == "source":
        return None
    found = scope.elements(kind, columns) if scope.elements else f"rows of {kind}s cannot be asked for here"
    if isinstance(found, str):
        raise scope.names.not_collected(name, name.text, found, ELEMENT_REMEDIES[kind])
    return found


def _is_in(found: ElementRows, condition: ir.BooleanValue, scope: _Scope) -> ir.BooleanValue:
    keys = found.rows.filter(condition).select(found.key).distinct()
    is_in: ir.BooleanValue = scope.table[found.key].isin(keys[found.key])
    return is_in


def _ask(leaf: Leaf, column: Any, scope: _Scope) -> ir.BooleanValue:
    number, _, check = scope.leaves[leaf.name.offset]
    return check.expression(column, lambda n: scope.bind(f"{number}.{n}"))


def _any_value(values: Any, predicate: Callable[[Any], ir.BooleanValue]) -> ir.BooleanValue:
    return values.filter(predicate).length() > 0


def _column(token: Token, scope: _Scope) -> Any:
    return scope.table[token.column]


def _asked(condition: Condition, names: _Names) -> Iterator[tuple[Leaf, Token]]:
    """Every condition with its token, in the order of the text."""
    match condition:
        case Everything():
            return
        case And(parts) | Or(parts):
            for part in parts:
                yield from _asked(part, names)
        case Not(part):
            yield from _asked(part, names)
        case Group(name, part):
            yield from _asked(part, names.below(name))
        case _:
            yield condition, names.find_token(condition.name)


def _shape(condition: Condition, leaves: dict[int, tuple[int, Token, Check]]) -> Hashable:
    match condition:
        case Everything():
            return ()
        case And(parts) | Or(parts):
            return (type(condition).__name__, *(_shape(part, leaves) for part in parts))
        case Not(part):
            return ("Not", _shape(part, leaves))
        case Group(_, part):
            return ("Group", _shape(part, leaves))
        case _:
            _, token, check = leaves[condition.name.offset]
            return (token.name, type(condition).__name__, check.shape)


def _columns(tokens: Iterable[Token], kind: Subject) -> frozenset[str]:
    columns: set[str] = set()
    for token in tokens:
        if token.element in (None, "source"):
            columns.add(token.column)
        if token.element is not None:
            columns |= ELEMENT_KEYS[kind]
    return frozenset(columns)
