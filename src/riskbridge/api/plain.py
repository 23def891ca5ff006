"""Values of many kinds as OpenAPI describes them: what a source said, and moments as text."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import Field, JsonValue, WithJsonSchema

_KINDS: list[JsonValue] = ["string", "number", "boolean", "array", "object", "null"]

Moment: TypeAlias = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-25T06:00:00+00:00"]})
]
"""A moment in UTC, as text."""

Value: TypeAlias = Annotated[
    Any, WithJsonSchema({"type": _KINDS, "description": "As it was given: a text, a number, a list, or nothing"})
]
"""A value whose kind depends on the field that it is of."""

Values: TypeAlias = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {"type": "object", "additionalProperties": {"type": _KINDS, "description": "The value of the field"}}
    ),
]
"""Values by the name of the field that they are of."""

Counts: TypeAlias = Annotated[dict[str, int], Field(description="Numbers by what they count")]
