"""Identification as OpenAPI describes it: rules, what they would change, refused matches, merges and splits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.model.identification import JudgementKind

_ORDER: dict[str, JsonValue] = {"order": {"*": ["Contoso", "nessus"], "operating_system_name": ["nessus"]}}


class IdentityRule(BaseModel):
    """A rule: all of its attributes must agree."""

    place: Annotated[int, Field(description="From 1; the first that finds exactly one asset wins")]
    name: str
    attributes: list[str]
    is_on: bool
    is_built_in: bool
    is_weak: Annotated[bool, Field(description="Its values move from device to device")]


class RulesShown(BaseModel):
    """A connector's rules in order."""

    connector: str
    is_own: Annotated[bool, Field(description="False: the built-in ones")]
    rules: list[IdentityRule]
    attributes: Annotated[list[str], Field(description="Of which own rules may be made")]


class BothSides(BaseModel):
    """A number as it is and as it would be."""

    before: int
    after: int


class RecordMove(BaseModel):
    """A source record of an asset that merges or splits, with the evidence on both sides."""

    source_asset_id: str
    connector_id: str
    external_asset_id: str
    asset_name: str | None
    was_asset_id: str
    asset_id: str
    rule: str | None
    matched_on: str | None
    was_rule: str | None
    was_matched_on: str | None
    rejected: Annotated[list[str] | None, Field(description="Matches that were refused")]


class Regrouped(BaseModel):
    """An asset that is several on the other side."""

    asset_name: str | None
    parts: int
    records: int
    rows: list[RecordMove]


class RegroupedShown(BaseModel):
    """How many assets merge or split, and some of them, those of most records first."""

    count: int
    rows: list[Regrouped]


class Simulated(BaseModel):
    """What other rules would merge and split on the stored records."""

    records: int
    records_moved: int
    assets: BothSides
    merges: RegroupedShown
    splits: RegroupedShown
    joined_by: Annotated[dict[str, BothSides], Field(description="Records by the rule that put them in their asset")]
    records_ambiguous: BothSides
    warnings: list[str]


class Applied(BaseModel):
    """What came of identifying anew; `run` is null where nothing is stored yet."""

    run: int | None
    assets: int
    links_changed: Annotated[int, Field(description="Records whose evidence differs")] = 0
    records_moved: int
    findings_moved: int
    warnings: list[str]


class JudgementApplied(Applied):
    """A merge, split or its undoing, and what came of it."""

    judgement_id: str
    what: Annotated[str, Field(description="Names of both sides")]


class RefusedRecord(BaseModel):
    """A record that a refused match is of."""

    source_asset_id: str
    asset_id: str
    connector_id: str
    external_asset_id: str
    asset_name: str | None
    source: Annotated[str, Field(description="Its inventory source")]


class RefusedMatch(BaseModel):
    """A match that was refused: rule, values, why, how many records took part, and some of them."""

    rule: str
    matched_on: str
    why: str
    records: int
    sample: list[RefusedRecord]


class JudgementShown(BaseModel):
    """Two assets put together, or a record taken from an asset; it holds in every run until it is undone."""

    judgement_id: str
    kind: JudgementKind
    record: Annotated[str, Field(description="The record taken away, or that stands for the first asset")]
    others: Annotated[list[str], Field(description="Those it was taken from, or the one of the second asset")]
    text: Annotated[str, Field(description="Names of both sides")]
    why: str
    decided_by: str
    decided_at: datetime
    undone_by: str | None
    undone_at: datetime | None
    undone_why: str | None


class RankShown(BaseModel):
    """The order of sources by attribute, `*` for every other: the connector that counts most first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ORDER]})

    order: dict[str, list[str]]
