from __future__ import annotations

import ibis
import pyarrow as pa
import pytest

from riskbridge.transform.compile import apply
from riskbridge.transform.spec import load_map


@pytest.fixture(scope="session")
def connection():
    con = ibis.duckdb.connect()
    con.raw_sql("SET TimeZone='UTC'")
    return con


@pytest.fixture(scope="session")
def make_raw(connection):
    """A function: a staged table of a source data model from its rows; fields a row lacks are null."""

    def make(model, rows):
        types = model.staged_types
        filled = [{"page": 0, "row": n} | row for n, row in enumerate(rows)]
        schema = ibis.schema(types).to_pyarrow()
        table = pa.Table.from_pylist([{n: r.get(n) for n in types} for r in filled], schema=schema)
        return connection.create_table(ibis.util.gen_name("raw"), table, temp=True)

    return make


@pytest.fixture(scope="session")
def read(connection):
    """A function: the rows of an expression as dictionaries."""
    return lambda expression: connection.to_pyarrow(expression).to_pylist()


@pytest.fixture(scope="session")
def map_rows(make_raw, read):
    """A function: drafts and rejects of rows under the built-in map, as dictionaries."""

    def map_rows(model, *rows):
        mapped = apply(load_map("defender").stream(model.name), make_raw(model, rows))
        return read(mapped.drafts), read(mapped.rejects)

    return map_rows
