"""Assets and findings taken apart, as OpenAPI describes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from riskbridge.api.plain import Value
from riskbridge.api.tables import AssetRow, ClaimRow, DetectionRow, EventRow, FindingRow, LinkRow, SoftwareRow


class Factor(BaseModel):
    """A part of a score; some have numbers of their own beside it."""

    model_config = ConfigDict(extra="allow")

    value: Annotated[Value, Field(description="What it is computed from")]
    weight: float | None = None
    contribution: Annotated[float | None, Field(description="Points that it gives")] = None
    text: Annotated[str, Field(description="The same in words")] = ""


class Explanation(BaseModel):
    """A score taken apart; other parts may come along."""

    model_config = ConfigDict(extra="allow")

    score: int
    formula: Annotated[str, Field(description="Name and version", examples=["qds-open-1"])]
    factors: Annotated[dict[str, Factor], Field(description="By name, in the order of the formula")]
    why: Annotated[str, Field(description="The score in one line")]
    events: Annotated[list[EventRow], Field(description="Oldest first, up to 1,000")]


class FindingExplained(Explanation):
    """A finding, its QDS taken apart, every source's claim of its CVE, its detections and events."""

    finding: FindingRow
    claims: list[ClaimRow]
    detections: list[DetectionRow]


class LostCandidate(BaseModel):
    """A record of another asset that a refused match would have brought, with why it was refused."""

    source_asset_id: str
    asset_id: str
    external_asset_id: str
    asset_name: str | None
    rule: str
    matched_on: str
    why: str


class AttributeOrigin(BaseModel):
    """Whose word counts for an attribute: the record that gave it, its source, why, and how many say otherwise."""

    attribute: str
    value: Value
    source_asset_id: str
    source: str | None
    why: str
    others: int


class AssetExplained(Explanation):
    """An asset, its TruRisk taken apart, its software, and the evidence by which its source records are one."""

    asset: AssetRow
    software: list[SoftwareRow]
    identity: list[LinkRow]
    lost_candidates: list[LostCandidate]
    attributes: list[AttributeOrigin]
