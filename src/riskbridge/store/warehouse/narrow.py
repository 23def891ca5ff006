"""Writing tables that are stored narrow, and the views that show them whole; see `model.layout`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import ibis
import ibis.expr.types as ir

from riskbridge.forms import hash_id
from riskbridge.model.layout import IS_FOUND, KIND, LAYOUTS, Layout
from riskbridge.model.schema import Table
from riskbridge.model.target import EVENT, FINDING, RUN
from riskbridge.store.engine import DuckDBEngine

_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp('UTC', 6)": "TIMESTAMPTZ",
    "array<string>": "VARCHAR[]",
}


def create(
    table: Table,
    *,
    unique: Collection[str] = (),
    repeated: Collection[str] = (),
    words: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The statement that makes a table where it is missing.

    Args:
        table: The table.
        unique: Text columns that hardly repeat, to be stored as they are.
        repeated: Text columns that always repeat.
        words: Text columns that hold one of those words.
    """
    ways = dict.fromkeys(unique, "uncompressed") | dict.fromkeys(repeated, "dictionary")
    types = {name: "ENUM (" + ", ".join(f"'{word}'" for word in kept) + ")" for name, kept in (words or {}).items()}
    columns = ", ".join(
        f'"{c.name}" {types.get(c.name, _TYPES[c.type])}'
        + (f" USING COMPRESSION {ways[c.name]}" if c.name in ways else "")
        for c in table
    )
    return f'CREATE TABLE IF NOT EXISTS "{table.name}" ({columns})'


def create_narrow(engine: DuckDBEngine, layout: Layout) -> None:
    """The stored tables of a layout, and its view, are there."""
    engine.execute(create(layout.rows, unique=layout.unique, repeated=layout.repeated, words=layout.words))
    if layout.shared:
        engine.execute(create(layout.kinds))
    rows = engine.sql(whole(engine, layout, layout.table.names), is_order_kept=False)
    engine.execute(f'CREATE OR REPLACE VIEW "{layout.table.name}" AS {rows}')


def whole(engine: DuckDBEngine, layout: Layout, names: Sequence[str]) -> ir.Table:
    """The table as everyone sees it: those of its columns, and `kind_id` where it is among them."""
    rows = engine.table(layout.rows.name)
    if layout.shared:
        rows = rows.join(engine.table(layout.kinds.name), KIND)
    if layout.divided is not None:
        begin, end = (rows[n] for n in (*layout.begin, *layout.end))
        rows = rows.mutate(**{layout.divided: begin + end})
    if layout.table is EVENT:
        rows = rows.union(_found(engine).select(*rows.columns))
    if "event_id" in layout.computed:
        rows = rows.mutate(event_id=hash_id(rows.run.cast("string"), rows.kind, rows.subject_id))
    return rows.select(*names)


def _found(engine: DuckDBEngine) -> ir.Table:
    """The events of being found that the first versions of findings stand for."""
    findings, runs = engine.table(LAYOUTS[FINDING.name].rows.name), engine.table(RUN.name)
    first = findings.filter(findings[IS_FOUND]).join(runs, findings.valid_from_run == runs.run)
    none = ibis.null("string")
    return first.select(
        "run",
        "asset_id",
        at=runs.observed_at,
        kind=ibis.literal("found"),
        subject_id=findings.finding_id,
        reason=none,
        detail=none,
    )


def narrow(
    engine: DuckDBEngine, layout: Layout, rows: ir.Table, kinds: ir.Table | None = None, *, is_all: bool = False
) -> ir.Table:
    """Rows as they are stored; what they have in common is kept, where it is new.

    Args:
        engine: Executes.
        layout: How the table is stored.
        rows: Its columns, or some of them; and, with `kinds`, `kind_id`: null where they do not tell.
        kinds: `kind_id` and the columns that make a kind: numbers that hold in `rows`, which then also have the beginning of
            a divided column, so that they need not be looked through.
        is_all: No row has null there.

    Returns:
        The columns of `layout.rows` that `rows` has, with the stored `kind_id`; lazy.
    """
    if not layout.shared:
        return rows.select(*(n for n in rows.columns if n in layout.rows.names))
    if kinds is None:
        return _by_value(engine, layout, rows)
    known = _by_number(engine, layout, rows, kinds)
    if is_all:
        return known
    others = rows.filter(rows[KIND].isnull())
    if engine.scalar(others.count()) == 0:
        return known
    return known.union(_by_value(engine, layout, others).select(*known.columns))


def _by_value(engine: DuckDBEngine, layout: Layout, rows: ir.Table) -> ir.Table:
    if layout.divided is not None:
        whole = rows[layout.divided]
        rows = rows.mutate(**dict.fromkeys(layout.begin, whole), **dict.fromkeys(layout.end, ibis.literal("")))
    if KIND in rows.columns:
        rows = rows.drop(KIND)
    stored = _keep(engine, layout, rows.select(*layout.common).distinct())
    return rows.join(stored, _same(rows, stored, layout)).select(*_own(layout, rows), KIND)


def _by_number(engine: DuckDBEngine, layout: Layout, rows: ir.Table, kinds: ir.Table) -> ir.Table:
    stored = _keep(engine, layout, kinds.select(*layout.common).distinct())
    numbers = kinds.join(stored, _same(kinds, stored, layout)).select(given=kinds[KIND], stored=stored[KIND])
    numbers = engine.materialise(numbers, "numbers")
    return rows.join(numbers, [(KIND, "given")]).select(*_own(layout, rows), **{KIND: numbers.stored})


def _own(layout: Layout, rows: ir.Table) -> list[str]:
    return [n for n in rows.columns if n in layout.rows.names and n != KIND]


def _keep(engine: DuckDBEngine, layout: Layout, distinct: ir.Table) -> ir.Table:
    """All kinds that are stored, those of some rows among them."""
    stored = engine.table(layout.kinds.name)
    fresh = engine.materialise(distinct.anti_join(stored, _same(distinct, stored, layout)), "kinds")
    begin = engine.scalar(stored[KIND].max())
    # In one order, so that the same runs give the same numbers.
    place = ibis.row_number().over(order_by=[fresh[n] for n in layout.common])
    number = place + ibis.literal(0 if begin is None else int(begin) + 1, "int64")
    engine.append(layout.kinds.name, fresh.mutate(**{KIND: number}))
    return stored


def _same(rows: ir.Table, kinds: ir.Table, layout: Layout) -> list[ir.BooleanValue]:
    return [rows[n].identical_to(kinds[n]) for n in layout.common]
