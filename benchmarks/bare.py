"""The bare limit: fetch, gunzip, decode, insert; `python bare.py URL DUCKDB_FILE`.

What any program must do to hold these pages in DuckDB, and nothing else: no check, no map, no score, no resumption. The
next page is fetched while one is used, as the quickest programs do.
"""

import gzip
import http.client
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from urllib.parse import urlsplit

import duckdb
import msgspec
import pyarrow as pa


class Row(msgspec.Struct, gc=False):
    id: str
    machineId: str  # noqa: N815 - Defender's names
    cveId: str | None = None  # noqa: N815
    fixingKbId: str | None = None  # noqa: N815
    productName: str | None = None  # noqa: N815
    productVendor: str | None = None  # noqa: N815
    productVersion: str | None = None  # noqa: N815
    severity: str | None = None


class Page(msgspec.Struct, gc=False):
    value: list[Row]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


FIELDS = Row.__struct_fields__


def main(url: str, file: str) -> dict[str, int]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    decoder, columns_of = msgspec.json.Decoder(Page), attrgetter(*FIELDS)
    database = duckdb.connect(file)
    database.execute("CREATE TABLE row (" + ", ".join(f'"{f}" VARCHAR' for f in FIELDS) + ")")
    database.execute("BEGIN")

    def fetch(link: str) -> bytes:
        connection.request("GET", link, headers={"Accept-Encoding": "gzip"})
        return gzip.decompress(connection.getresponse().read())

    with ThreadPoolExecutor(1) as fetcher:
        pending = fetcher.submit(fetch, url)
        while True:
            page = decoder.decode(pending.result())
            if page.next_link:
                pending = fetcher.submit(fetch, page.next_link)
            rows = pa.table([pa.array(c, pa.string()) for c in zip(*map(columns_of, page.value), strict=True)], FIELDS)
            database.register("page", rows)
            database.execute("INSERT INTO row SELECT * FROM page")
            if not page.next_link:
                break
    database.execute("COMMIT")
    (count,) = database.execute("SELECT count(*) FROM row").fetchone() or (0,)
    database.close()
    return {"rows": count}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2])))
