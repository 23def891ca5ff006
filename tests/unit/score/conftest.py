from __future__ import annotations

import ibis
import pyarrow as pa
import pytest

from riskbridge.model.target import CVE


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


@pytest.fixture(scope="session")
def make_cves(make_table):
    """A function that makes rows of CVE; flags are false and `sources` is defender unless a row says otherwise."""
    defaults = {
        "public_exploit": False,
        "exploit_verified": False,
        "exploit_in_kit": False,
        "is_kev": False,
        "is_ransomware": False,
        "cvss_source": "defender",
        "sources": ["defender"],
    }
    return lambda rows: make_table([defaults | row for row in rows], CVE.types)


@pytest.fixture(scope="session")
def make_keys(make_table):
    """A function that makes the score keys of (CVE id, severity word) pairs."""

    def make(pairs: list[tuple[str | None, str | None]]):
        rows = [
            {"score_key": f"{cve or ''}|{(word or '').lower()}", "cve_id": cve, "source_severity": word}
            for cve, word in pairs
        ]
        return make_table(rows, {"score_key": "string", "cve_id": "string", "source_severity": "string"})

    return make
