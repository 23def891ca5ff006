"""What a reader of a file makes of one part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

LONGEST_RAW = 4000
"""Characters kept of a refused row."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is none: its place in the part, a stable code, what is wrong with its line, and its text, cut."""

    place: int
    reason: str
    detail: str
    raw: str


@dataclass(slots=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        columns: By field of the data model, texts or lists of texts; fields that the file lacks are not among them.
        rows: How many.
        refused: The others, numbered after them.
    """

    columns: dict[str, pa.Array[Any]]
    rows: int
    refused: list[RefusedRow] = field(default_factory=list)


class Reader(Protocol):
    """Reads one file, once, part by part."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns met that the data model does not know, sorted."""

    def chunks(self) -> Iterator[Chunk]:
        """The file's rows in order.

        Raises:
            RiskbridgeError: `file.*`: the file is malformed as a whole, with the line.
        """
