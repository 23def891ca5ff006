"""What the API says of itself: whole, in step with what is kept, and useful to who makes a client of it."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from riskbridge.api.application import describe_api
from riskbridge.api.identity_shapes import IdentityRule, JudgementShown
from riskbridge.api.map_shapes import MapFunction
from riskbridge.api.run_shapes import PhaseShown, ProgressShown, QuotaShown, RunShown
from riskbridge.api.shapes import ConnectorShown, FilesShown, ProfileShown
from riskbridge.identity.rules import BUILT_IN_RULES
from riskbridge.matching import rules_as_rows
from riskbridge.model.connector import Connector, Profile, RunOutcome
from riskbridge.model.file_settings import FileSettings
from riskbridge.model.identification import IdentityJudgement
from riskbridge.model.run import RunRecord
from riskbridge.schedule.progress import PhaseProgress, RunProgress
from riskbridge.source.budget import Quota
from riskbridge.transform.plain import describe_functions

DESCRIBED: dict[str, Any] = describe_api()
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, methods in DESCRIBED["paths"].items()
    for method, operation in methods.items()
]
AT = datetime(2026, 11, 25, 6, tzinfo=UTC)
RECORD = RunRecord("r", "c", "Contoso", "p", RunOutcome.QUEUED, AT, AT, "", 1)
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        (ConnectorShown, Connector),
        (ProfileShown, Profile),
        (FilesShown, FileSettings),
        (RunShown, RunRecord),
        (JudgementShown, IdentityJudgement),
    ],
    ids=["connector", "profile", "files", "run", "judgement"],
)
def test_everything_that_is_kept_is_shown_but_the_secret(shape: Any, kept: Any) -> None:
    names = {f.name for f in fields(kept)} - {"client_secret"}
    assert names - set(shape.model_fields) == set()


def test_all_that_is_told_of_progress_and_rules_is_described() -> None:
    quota = Quota("machines", 1, 2, 100, None)
    told = {
        ProgressShown: RunProgress("Contoso", RECORD).as_dict(),
        PhaseShown: PhaseProgress("findings").as_dict(),
        QuotaShown: quota.as_dict(),
        IdentityRule: rules_as_rows(BUILT_IN_RULES)[0],
        MapFunction: describe_functions()[0],
    }
    assert {shape: set(shape.model_fields) for shape in told} == {shape: {*values} for shape, values in told.items()}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_operation_tells_of_every_problem_it_may_meet(path: str, method: str, operation: dict[str, Any]) -> None:
    problems = {s for s, answer in operation["responses"].items() if answer.get("content") == PROBLEM}
    needed = {"400", "401", "403", "404", "422", "500", "502", "503"}
    needed |= {"413", "415"} if "requestBody" in operation else set()
    is_edit = any(p["name"].lower() == "if-match" for p in operation.get("parameters", ()))
    needed |= {"412", "428"} if is_edit else set()
    assert needed <= problems
    assert operation["description"]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_a_change_of_something_kept_wants_its_tag(path: str, method: str, operation: dict[str, Any]) -> None:
    without = {"/connectors/{name}/runs/current", "/api-tokens/{token_id}", "/uploads/{name}"}  # nobody edits these
    if method in ("put", "patch", "delete") and path not in without:
        assert any(p["name"].lower() == "if-match" for p in operation["parameters"]), path


def test_rows_are_described_by_the_columns_of_their_tables() -> None:
    schemas = DESCRIBED["components"]["schemas"]
    assert schemas["HoldRow"]["properties"]["hold_id"] == {"type": "string"}
    assert schemas["FindingRow"]["properties"]["qds"]["type"] == ["integer", "null"]
    assert schemas["EventRow"]["properties"]["at"]["format"] == "date-time"
    assert {"cve_id", "owner", "asset_name", "epss"} <= schemas["FindingRow"]["properties"].keys()


def unnamed(schema: dict[str, Any], where: str, above: frozenset[str] = frozenset()) -> list[str]:
    """Places of an answer that say neither by which names their values go, nor of which kind they are."""
    reference = schema.get("$ref", "")
    if reference:
        named = DESCRIBED["components"]["schemas"][reference.rpartition("/")[2]]
        return [] if reference in above else unnamed(named, where, above | {reference})
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return [place for one in schema[choice] for place in unnamed(one, where, above)]
    if schema.get("type") == "array":
        return unnamed(schema.get("items", {}), f"{where}[]", above)
    if schema.get("properties"):
        members = schema["properties"].items()
        return [place for name, one in members for place in unnamed(one, f"{where}.{name}", above)]
    if schema.get("type") == "object":
        members_of = schema.get("additionalProperties")
        return unnamed(members_of, f"{where}{{}}", above) if isinstance(members_of, dict) else [where]
    return [] if schema.keys() & {"type", "enum", "const"} else [where]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_answer_is_described_by_named_properties(path: str, method: str, operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {}).items():
            if status.startswith("2") and kind.endswith("json"):
                assert unnamed(content["schema"], "answer") == [], f"{method} {path} {status}"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, ["x"]),
        ({"type": "object"}, ["x"]),
        ({"type": "object", "additionalProperties": True}, ["x"]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, []),
        ({"type": "array", "items": {"properties": {"a": {"type": "string"}, "b": {}}}}, ["x[].b"]),
        ({"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": {}}]}, ["x{}"]),
    ],
)
def test_what_is_unnamed_is_found(schema: dict[str, Any], expected: list[str]) -> None:
    assert unnamed(schema, "x") == expected
