"""What rows of a file tell beside their values: that they are to be left out, that something is fixed, and several CVEs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.forms import lower
from riskbridge.transform.convert import tidy
from riskbridge.transform.functions.text import CVE_PATTERN
from riskbridge.transform.patterns import check_pattern

_FALSE = ibis.literal(value=False)


@dataclass(frozen=True, slots=True)
class Saying:
    """Rows whose field, trimmed and in lower case, matches a regular expression that RE2 and Java read alike.

    Raises:
        ValueError: It is none.
    """

    field: str
    pattern: str

    def __post_init__(self) -> None:
        if not self.field or not self.pattern:
            raise ValueError("it needs a field and a pattern")
        check_pattern(self.pattern, 0)


def that_say(raw: ir.Table, sayings: Sequence[Saying]) -> ir.BooleanValue:
    """Whether a row says any of it; never null."""
    found: list[Any] = [
        lower(tidy(raw[s.field].cast("string"))).re_search(s.pattern).fill_null(_FALSE) for s in sayings
    ]
    return ibis.or_(*found) if found else _FALSE


def one_row_a_cve(raw: ir.Table, fields: Sequence[str]) -> ir.Table:
    """Each row once for every CVE that its fields name, which then stands in the first of them alone.

    Whatever divides the ids is no matter. A row that names no CVE stays as it is, once; one CVE named twice counts once.
    The place of a row in its file stays the same in all its copies.
    """
    if not fields:
        return raw
    first, *others = fields
    text = raw[first].fill_null("")
    for name in others:
        text = text + " " + raw[name].fill_null("")
    words: Any = text.upper().re_split(r"[^A-Z0-9-]+")
    ids = words.filter(lambda word: word.re_search(CVE_PATTERN)).unique().sort()
    numbered = raw.mutate(cve_ids_of_row=ids)
    some = numbered.filter(numbered.cve_ids_of_row.length() > 0)
    none = numbered.filter(numbered.cve_ids_of_row.length() == 0).drop("cve_ids_of_row")
    emptied = {name: ibis.null("string") for name in others}
    each = some.mutate(**{first: some.cve_ids_of_row.unnest()}, **emptied).drop("cve_ids_of_row")
    return each.select(*raw.columns).union(none)
