"""Help while a query is typed: what may come next, with values that are stored, and what is wrong with it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from riskbridge.errors import InputError
from riskbridge.question import ask

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from riskbridge.app import App
    from riskbridge.question import Question
    from riskbridge.search.tokens import Subject, Token

MOST_VALUES = 20


def complete(app: App, subject: Subject, text: str, cursor: int | None = None) -> dict[str, Any]:
    """What may come at a place of a query.

    Args:
        app: Whose values are offered.
        subject: What the query is about.
        text: The query, whole or begun.
        cursor: Characters before the cursor; None: its end.

    Returns:
        `kind` of what is expected (`condition`, `operator`, `value`, `conjunction`), `start` and `end` of what a suggestion
        replaces, and `suggestions`: `text`, `kind`, `description`, `count` of rows (null where not counted), best first.
    """
    from riskbridge.search.completion import find_place, suggest  # noqa: PLC0415 - loads Ibis

    place = find_place(text, len(text) if cursor is None else cursor, subject)
    values: list[tuple[Any, int]] = []
    if (
        place.kind == "value"
        and place.token is not None
        and place.token.kind in ("text", "keyword", "number", "boolean")
    ):
        values = common_values(app, subject, place.token, place.typed)
    suggestions = suggest(place, subject, values, app.now())
    return {
        "kind": place.kind,
        "start": place.start,
        "end": place.end,
        "suggestions": [asdict(s) for s in suggestions],
    }


def common_values(app: App, subject: Subject, token: Token, typed: str) -> list[tuple[Any, int]]:
    """The commonest values that a token's column has and that contain what is typed, each with its rows; of all rows."""
    question = ask(app, subject, "")
    has_typed = bool(typed) and token.kind in ("text", "keyword")

    def make() -> ir.Table:
        return _values(question, token, has_typed=has_typed)

    try:
        rows = question.answer(("values", token, has_typed), make, (token.column,), {"typed": typed.lower()})
    except InputError:  # rows that this home does not have: no values of theirs either
        return []
    return [(row["value"], int(row["count"])) for row in rows]


def _values(question: Question, token: Token, *, has_typed: bool) -> ir.Table:
    import ibis  # noqa: PLC0415

    from riskbridge.search.compile import ElementRows  # noqa: PLC0415

    rows = None
    if token.element is not None:
        found = question.asked.tables.elements_of(question.subject)(token.element, frozenset((token.column,)))
        if isinstance(found, str):
            raise InputError(found, code="qql.not-collected", remedy="Ask for another token.")
        rows = found.rows if isinstance(found, ElementRows) else None
    if rows is None:
        rows = question.asked.matching({token.column})
    column = rows[token.column]
    values = rows.select(value=column.unnest() if column.type().is_array() else column)
    values = values.filter(values.value.notnull())
    if has_typed:
        values = values.filter(values.value.lower().contains(question.placeholder("typed")))
    counted = values.group_by("value").agg(count=ibis._.count())
    return counted.order_by([counted["count"].desc(), counted.value.asc()]).limit(MOST_VALUES)


def check(app: App, subject: Subject, text: str) -> dict[str, Any]:
    """Whether a query can be asked.

    Returns:
        `is_valid`; `query` in one spelling, `tokens` and `columns` that it asks for; or `fault` with `code`, `message`,
        `remedy`, `line`, `column` (both from 1), `length` and `nearest`.
    """
    from riskbridge.search.compile import read_query  # noqa: PLC0415 - loads Ibis and the grammar
    from riskbridge.search.listing import Asked  # noqa: PLC0415
    from riskbridge.search.printing import render_query  # noqa: PLC0415

    try:
        read = read_query(text, subject, app.now())
        question = ask(app, subject, "")
        replace(question, asked=Asked(question.asked.tables, read)).asked.matching(())
    except InputError as error:
        return {"is_valid": False, "fault": error.as_dict()}
    return {
        "is_valid": True,
        "query": render_query(read.query.condition),
        "tokens": sorted(t.name for t in read.tokens),
        "columns": sorted({t.column for t in read.tokens}),
    }
