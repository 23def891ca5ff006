"""The comparison: dlt's own REST source into DuckDB; `python dlt_pipeline.py URL FOLDER [FILE_FORMAT]`.

dlt as its guide sets it up, with no setting touched but the format of the files between extraction and load, where one
is named. The pages land in a table: no map, no identity, no history, no score.
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dlt
import duckdb
from dlt.sources.rest_api import rest_api_source


def main(url: str, folder: str, file_format: str | None = None) -> dict[str, int]:
    parts = urlsplit(url)
    file = Path(folder) / "dlt.duckdb"
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{parts.scheme}://{parts.netloc}/",
                "paginator": {"type": "json_link", "next_url_path": "['@odata.nextLink']"},
            },
            "resources": [
                {
                    "name": "row",
                    "endpoint": {"path": parts.path.lstrip("/"), "data_selector": "value"},
                    "write_disposition": "replace",
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "bench", destination=dlt.destinations.duckdb(str(file)), dataset_name="bench", pipelines_dir=f"{folder}/state"
    )
    options: dict[str, Any] = {"loader_file_format": file_format} if file_format else {}
    pipeline.run(source, **options)
    with duckdb.connect(str(file), read_only=True) as database:
        (count,) = database.execute("SELECT count(*) FROM bench.row").fetchone() or (0,)
    return {"rows": count}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
