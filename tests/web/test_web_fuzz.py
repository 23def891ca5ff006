"""Whatever is sent to the API, it answers as its description says: made requests, right and wrong, to a served home."""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as conformance
from tests.web.conftest import Served, start_serving

from riskbridge.api.application import describe_api

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EXAMPLES = int(os.environ.get("RISKBRIDGE_FUZZED", "3"))
"""Requests of each kind to each operation; a release is tried with more."""
COSTLY = ("/rescore", "/score-settings", "/rules", "/decision", "/fixes", "/trurisk")
"""Operations that score or look at everything; they are asked less often."""
ORDER = ("get", "post", "put", "patch", "delete")
NO_HTTP = b"Invalid HTTP request received."
"""What the server says of heads that are no HTTP, before anything of ours is asked."""
LONGEST_ADDRESS = 30_000
NOWHERE = "https://127.0.0.1:9"
LOST = f"{tempfile.gettempdir()}/nowhere"
"""A file that may be named, and is not there."""
CHECKS = (
    not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
)


@pytest.fixture(scope="module")
def home(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served home that anything may happen to."""
    folder = tmp_path_factory.mktemp("fuzzed") / "home"
    shutil.copytree(filled, folder)
    running = start_serving(folder)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def token(home: Served) -> str:
    """A token that lets everything."""
    wanted = {"name": "fuzz", "days": 2, "scope": "write"}
    made: str = home.log_in().post("/api/v1/api-tokens", json=wanted).json()["token"]
    return made


@pytest.fixture(scope="module")
def known(home: Served, token: str) -> dict[str, str]:
    """What there is, by the names that addresses have for it."""
    client = home.client(headers={"authorization": f"Bearer {token}"})
    assert client.patch("/api/v1/feeds/kev", json={"url": LOST}, headers={"if-match": "*"}).status_code == 200
    rows: dict[str, Any] = {n: client.get(f"/api/v1/{n}").json()["rows"][0] for n in ("findings", "assets", "runs")}
    return {
        "finding_id": rows["findings"]["finding_id"],
        "asset_id": rows["assets"]["asset_id"],
        "run_id": rows["runs"]["run_id"],
        "connectors": "tenant",
        "profile": "default",
        "maps": "defender",
        "feed": "kev",
    }


def aim(case: Case, known: dict[str, str]) -> None:
    """Let half of the requests ask for what there is, and none of them ask another machine."""
    is_aimed = zlib.crc32(repr(case.path_parameters).encode()) % 2 == 0
    kind = case.path.strip("/").partition("/")[0]
    for name in case.path_parameters if is_aimed else ():
        found = known.get(name) or (known.get(kind) if name == "name" else None)
        if found is not None:
            case.path_parameters[name] = found
    if isinstance(case.body, dict) and "tenant_id" in case.body:
        case.body |= {"login_url": NOWHERE, "api_url": NOWHERE, "audience": NOWHERE}
    if isinstance(case.body, dict) and "location" in case.body:
        case.body["location"] = LOST
    if case.path == "/feeds/refresh" and isinstance(case.body, dict):
        case.body["feeds"] = ["kev"]


def test_every_operation_answers_as_described(home: Served, token: str, known: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_dict(describe_api())
    operations = sorted(
        (found.ok() for found in schema.get_all_operations()), key=lambda o: (ORDER.index(o.method), o.path)
    )
    assert len(operations) > 60
    headers = {"Authorization": f"Bearer {token}"}
    faults, asked = [], 0
    for operation in operations:
        number = 2 if operation.path.startswith(COSTLY) else EXAMPLES
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=number,
                derandomize=True,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Case) -> None:
                nonlocal asked
                aim(case, known)
                asked += 1
                try:
                    answer = case.call(base_url=f"{home.address}/api/v1", headers=headers, timeout=60)
                except requests.exceptions.ChunkedEncodingError:
                    # An address longer than the server reads: it answers, and hangs up while we still send.
                    assert len(case.as_curl_command()) > LONGEST_ADDRESS
                    return
                if answer.content != NO_HTTP:
                    case.validate_response(answer, checks=list(CHECKS), headers=headers)

            try:
                ask()
            except FailureGroup as group:
                told = " ".join(f"{type(f).__name__}: {f.message}" for f in group.exceptions)
                faults.append(f"{operation.method.upper()} {operation.path} ({mode.value}): {told:.1500}")
    assert asked > 4 * len(operations)
    assert not faults, "\n".join(faults)
    assert home.process.poll() is None
