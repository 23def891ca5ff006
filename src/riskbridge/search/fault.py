"""Refusals of a query that point at the place: what is wrong, the line, a caret below it, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

from riskbridge.errors import InputError

_SHOWN = 100
"""Characters of a line shown around the place."""

Code = Literal["qql.syntax", "qql.unknown-token", "qql.not-collected", "qql.bad-value"]


def make_fault(
    query: str, offset: int, length: int, *, code: Code, cause: str, remedy: str, nearest: str | None = None
) -> InputError:
    """An error about `length` characters of `query` from `offset` (0-based; the query's length is its end).

    Its context has `line` and `column` (both from 1), `length` and, for unknown tokens, `nearest`.
    """
    start = query.rfind("\n", 0, offset) + 1
    end = query.find("\n", offset)
    line = query[start : end if end >= 0 else len(query)]
    column = offset - start
    first = max(0, column - _SHOWN // 2)
    shown = "".join(c if c.isprintable() else " " for c in line[first : first + _SHOWN])
    carets = "^" * max(1, min(length, len(shown) - (column - first)))
    message = f"{cause} (column {column + 1}).\n  {shown}\n  {' ' * (column - first)}{carets}\n"
    return InputError(
        message,
        code=code,
        remedy=remedy,
        line=query.count("\n", 0, offset) + 1,
        column=column + 1,
        length=length,
        nearest=nearest,
    )


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, whatever its letter case; None when none is near."""
    by_lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None
