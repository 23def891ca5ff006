"""The benchmark still runs, and its report has what is looked at. Its numbers mean nothing at this size."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest


def bench(root: Path, tmp_path: Path, *only: str) -> dict[str, object]:
    output = tmp_path / "bench.json"
    chosen = [word for program in only for word in ("--only", program)]
    done = subprocess.run(
        [
            sys.executable,
            root / "benchmarks" / "sync.py",
            "--scale-test",
            *("--rows", "2000", "--devices", "100", "--dlt-rows", "500"),
            *("--output", output, "--folder", tmp_path, *chosen),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, object] = json.loads(output.read_text())
    return report


@pytest.mark.slow
def test_riskbridge_is_measured_beside_the_bare_limit(root: Path, tmp_path: Path) -> None:
    report = bench(root, tmp_path, "bare", "riskbridge")
    assert report["rows"] == {"bare": 2000, "riskbridge": 2000, "riskbridge-resync": 2000}
    assert isinstance(report["ratios"], dict)
    assert report["ratios"]["vs_bare"] > 0
    assert (report["ratios"]["vs_dlt"], report["ratios"]["vs_dlt_parquet"]) == (None, None)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("dlt") is None, reason="dlt is not installed; make bench installs it")
def test_dlt_is_measured_both_ways(root: Path, tmp_path: Path) -> None:
    assert bench(root, tmp_path, "dlt", "dlt-parquet")["rows"] == {"dlt": 500, "dlt-parquet": 500}
