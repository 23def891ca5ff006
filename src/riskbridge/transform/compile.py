"""A stream map as one expression: drafts, and the rows that cannot become any."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import ibis
import ibis.expr.types as ir

from riskbridge.model.target import DETECTION_DRAFT, REJECT
from riskbridge.transform.spec import StreamMap

_PROVENANCE = {"raw_page": "page", "raw_row": "row"}


@dataclass(frozen=True, slots=True)
class Mapped:
    """Every raw row, either as a draft of the target table or as a reject with its reason."""

    drafts: ir.Table
    rejects: ir.Table


def apply(stream: StreamMap, raw: ir.Table) -> Mapped:
    """Map staged rows of the stream's source model.

    A row whose identifiers come out empty is a reject (`identity-missing`), and so is a finding without any id
    (`cve-missing`).

    Returns:
        Lazy tables: drafts with exactly the target's columns in order, rejects with those of REJECT.
    """
    filled = {row.column: row.function.apply([_value(raw, s) for s in row.sources]) for row in stream.rows}
    columns = {}
    for column in stream.target:
        if column.name in filled:
            columns[column.name] = filled[column.name].cast(column.type)
        elif column.name in _PROVENANCE:
            columns[column.name] = raw[_PROVENANCE[column.name]]
        else:
            columns[column.name] = ibis.null(column.type)
    identifiers = [r.column for r in stream.rows if r.is_identifier]
    problems = [(columns[n].fill_null("") == "", "identity-missing", f"{n} is empty") for n in identifiers]
    if stream.target is DETECTION_DRAFT:
        has_none = columns["cve_id"].isnull() & columns["vendor_finding_id"].isnull()
        problems.append((has_none, "cve-missing", "the record names no CVE and no other id"))
    is_bad = reduce(lambda a, b: a | b, [p[0] for p in problems])
    drafts = raw.filter(~is_bad).select(**columns)
    return Mapped(drafts, _rejects(stream, raw.filter(is_bad), problems))


def _rejects(stream: StreamMap, bad: ir.Table, problems: list[tuple[ir.BooleanValue, str, str]]) -> ir.Table:
    reasons = ibis.cases(*((problem, code) for problem, code, _ in problems), else_="identity-missing")
    details = ibis.cases(*((problem, text) for problem, _, text in problems), else_="an identifier is empty")
    texts = [f.name for f in stream.source.fields if f.kind in ("string", "datetime")][:8]
    parts = [ibis.literal(f"{n}=") + bad[n].fill_null("") for n in texts]
    raw = reduce(lambda a, b: a + "; " + b, parts)
    return bad.select(
        stream=ibis.literal(stream.source.stream), page=bad.page, row=bad.row, reason=reasons, detail=details, raw=raw
    ).select(*REJECT.names)


def _value(raw: ir.Table, path: str) -> ir.Value:
    name, _, member = path.partition("[].")
    if member:
        return raw[name].map(lambda entry: entry[member])
    name, _, member = path.partition(".")
    return raw[name][member] if member else raw[name]
