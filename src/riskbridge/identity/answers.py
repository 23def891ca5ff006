"""Answers that identification goes on by: which rows are shared, and small values.

Those are read without pandas, which Ibis' own way of reading one loads.
"""

from __future__ import annotations

from typing import Any

import ibis.expr.types as ir


def values_of(table: ir.Table) -> list[Any]:
    """The values of a table's first column."""
    found: list[Any] = table.to_pyarrow_batches().read_all().column(0).to_pylist()
    return found


def count_rows(table: ir.Table) -> int:
    """How many rows a table has."""
    (number,) = values_of(table.count().as_table())
    return int(number)


def shared_by_records(rows: ir.Table, key: list[str]) -> ir.Table:
    """The rows whose key rows of another record have too.

    Args:
        rows: With `source_asset_id` and the columns of the key.
        key: Those columns.
    """
    # Few keys come more than once, and counting them is a third of the work of telling their records apart.
    several = rows.group_by(key).agg(times=rows.count())
    some = rows.semi_join(several.filter(several.times > 1), key)
    ends = some.group_by(key).agg(first=some.source_asset_id.min(), last=some.source_asset_id.max())
    return some.semi_join(ends.filter(ends["first"] < ends["last"]), key)
