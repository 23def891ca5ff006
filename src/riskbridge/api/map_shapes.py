"""Transform maps as OpenAPI describes them: their plain data, a preview on staged rows, and what another would change."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.api.plain import Value, Values

_Outcome = Annotated[str, Field(description="draft (it is used), reject, or passed (it is not meant)")]
_ROW: dict[str, JsonValue] = {
    "from": ["productVendor", "productName"],
    "to": "findingName",
    "type": "string",
    "function": "concat",
    "separator": " ",
}


class MapRow(BaseModel):
    """A row of a map: *source fields, function, data type, target field*; further members are the function's arguments."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_ROW]})

    from_: Annotated[str | list[str], Field(alias="from", description="A path of the source, or several")] = ""
    to: Annotated[str, Field(description="A field of the target")] = ""
    type: Annotated[str, Field(description="A data type of `/map-functions`")] = ""
    function: Annotated[str, Field(description="A name of `/map-functions`; left out: as it is")] = ""
    identifier: Annotated[bool, Field(description="It tells one record from another")] = False
    strict: Annotated[bool, Field(description="A value that cannot be converted makes the row a reject")] = False


class MapNeed(BaseModel):
    """Fields of which a row needs one, and what is said of a row that has none."""

    any_of: list[str]
    reason: str


class MapStream(BaseModel):
    """What becomes of one source data model in one target table; further members say which rows are left out or fixed."""

    model_config = ConfigDict(extra="allow")

    source: str
    target: str
    pass_over_without: Annotated[list[str], Field(description="Rows that have none of these are not meant")] = []
    require: list[MapNeed] = []
    row: list[MapRow]


class MapPlain(BaseModel):
    """A map as plain data; it can be sent back as it is."""

    model_config = ConfigDict(extra="allow")

    name: str
    version: str = ""
    description: str = ""
    stream: list[MapStream]


class FunctionArgument(BaseModel):
    """An argument of a function."""

    name: str
    type: str
    required: bool
    default: Value


class SourcesTaken(BaseModel):
    """How many source fields a function takes."""

    least: int
    most: int | None


class MapFunction(BaseModel):
    """What a row may do to its source values."""

    name: str
    description: str
    takes: Annotated[list[str], Field(description="Data types it takes; none: any")]
    gives: Annotated[str | None, Field(description="The data type it gives; null: as it was given")]
    sources: SourcesTaken
    arguments: list[FunctionArgument]


class PreviewField(BaseModel):
    """One row of a map on one staged row."""

    number: Annotated[int, Field(description="The row of the map, from 1")]
    target: str
    type: str
    from_: Annotated[Values, Field(alias="from", description="Source values by path")]
    result: Value


class PreviewRow(BaseModel):
    """A staged row, what becomes of it, and why."""

    page: int
    row: int
    outcome: _Outcome
    reason: str | None
    detail: str | None
    fields: list[PreviewField]


class Previewed(BaseModel):
    """A map on rows that a run staged, field by field."""

    connector: str
    run_id: str
    source: str
    target: str
    staged: Annotated[int, Field(description="Rows there are")]
    rows: list[PreviewRow]


class Outcomes(BaseModel):
    """Rows by what becomes of them."""

    draft: int
    reject: int
    passed: int


class OutcomeMove(BaseModel):
    """Rows that go from one outcome to another."""

    was_outcome: _Outcome
    was_reason: str | None
    now_outcome: _Outcome
    now_reason: str | None
    times: int


class ChangedValue(BaseModel):
    """A value and what becomes of it; `page` and `row` are the first staged row with it."""

    page: int
    row: int
    before: Value
    after: Value
    times: int


class ChangedField(BaseModel):
    """A field whose values differ."""

    target: str
    changed: int
    emptied: int
    filled: int
    examples: list[ChangedValue]


class IdentityChanged(BaseModel):
    """Records whose key differs, and the fields that make it."""

    changed: int
    keys: list[str]


class SeverityMove(BaseModel):
    """Rows whose severity goes from one to another, in the source's words and from 1 to 5."""

    before: str | None
    after: str | None
    before_number: int | None
    after_number: int | None
    rows: int


class SeverityChanged(BaseModel):
    """How severities go."""

    changed: int
    moves: list[SeverityMove]


class FindingMove(BaseModel):
    """Findings that go, come, split or join: what they are of, before and after."""

    kind: Literal["split", "joined", "gone", "new"]
    before: list[str] | None
    after: list[str] | None
    rows: int


class FindingsChanged(BaseModel):
    """How many findings there are, go, come, split and join."""

    before: int
    after: int
    gone: int
    new: int
    split: int
    joined: int
    examples: list[FindingMove]


class StreamDifference(BaseModel):
    """What another map would change in one stream; `severity` and `findings` are there for streams of findings."""

    source: str
    target: str
    rows: int
    is_whole: Annotated[bool, Field(description="Every staged row was looked at")]
    before: Outcomes
    after: Outcomes
    newly_refused: int
    newly_taken: int
    outcomes: list[OutcomeMove]
    fields: list[ChangedField]
    identity: IdentityChanged
    severity: SeverityChanged | None = None
    findings: FindingsChanged | None = None


class MapDifference(BaseModel):
    """What another map would change on staged rows, stream by stream."""

    connector: str
    before: Annotated[str, Field(examples=["defender/4"])]
    after: Annotated[str, Field(examples=["ours (not saved)"])]
    is_same: bool
    only_before: Annotated[list[str], Field(description="Streams that the other map leaves out")]
    only_after: Annotated[list[str], Field(description="Streams that the other map adds")]
    streams: list[StreamDifference]
