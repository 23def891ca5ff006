from __future__ import annotations

import ibis
import pyarrow as pa
import pytest


@pytest.fixture(scope="session")
def make_table():
    """A function that makes an Ibis table on DuckDB of rows and Ibis types; columns a row lacks are null."""
    con = ibis.duckdb.connect()
    con.raw_sql("SET TimeZone='UTC'")

    def make(rows: list[dict], types: dict[str, str]):
        schema = ibis.schema(types).to_pyarrow()
        columns = {name: [row.get(name) for row in rows] for name in types}
        return con.create_table(ibis.util.gen_name("t"), pa.table(columns, schema=schema), temp=True)

    return make
