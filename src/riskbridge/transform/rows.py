"""What a transform map is: rows from source fields to target fields, by stream. Values only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from riskbridge.errors import ConfigError
from riskbridge.model.schema import Table
from riskbridge.model.source_model import Field, SourceModel
from riskbridge.model.target import (
    ASSET_DRAFT,
    CVE_DRAFT,
    DETECTION_DETAIL_DRAFT,
    DETECTION_DRAFT,
    SOFTWARE_DRAFT,
)
from riskbridge.transform.convert import TYPE_OF_KIND, DataType
from riskbridge.transform.functions import Function
from riskbridge.transform.sayings import Saying

TARGETS = {t.name: t for t in (ASSET_DRAFT, DETECTION_DRAFT, DETECTION_DETAIL_DRAFT, SOFTWARE_DRAFT, CVE_DRAFT)}
PROVENANCE = {"raw_page": "page", "raw_row": "row"}
"""Target columns that say where a raw row is, and the staged columns they come from; no row may feed them."""

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""What a map may be called."""


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row: source fields (dotted paths), a function, its result's data type, and the target field in camelCase.

    `is_identifier` marks fields without which a record is nobody's: a row that leaves one empty is refused. `is_strict`
    refuses a raw row too whose source fields hold something of which this row can make nothing.
    """

    sources: tuple[str, ...]
    function: Function
    target: str
    type: DataType
    is_identifier: bool = False
    is_strict: bool = False

    @property
    def column(self) -> str:
        """The target's column."""
        return snake_case(self.target)


@dataclass(frozen=True, slots=True)
class Requirement:
    """At least one of these source fields must not be empty; else the raw row is refused for `reason`."""

    any_of: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class StreamMap:
    """The rows that map one source data model to one target table, and what they must give.

    `passes_over` names source fields: a raw row in which all of them are empty tells of nothing, and is left out, as is one
    that says any of `leaves_out`. One that says any of `says_fixed` tells that what it names is there no more. `cves_in`
    names fields that hold any number of CVE ids: the row then counts once for each.
    """

    source: SourceModel
    target: Table
    rows: tuple[MapRow, ...]
    requires: tuple[Requirement, ...] = ()
    passes_over: tuple[str, ...] = ()
    leaves_out: tuple[Saying, ...] = ()
    says_fixed: tuple[Saying, ...] = ()
    cves_in: tuple[str, ...] = ()

    @property
    def needed(self) -> tuple[MapRow, ...]:
        """The rows that must give a value: identifiers first, then those of target fields that may not be empty."""
        identifiers = (r for r in self.rows if r.is_identifier)
        others = (r for r in self.rows if not r.is_identifier and not self.target.column(r.column).nullable)
        return (*identifiers, *(r for r in others if r.sources))

    @property
    def own_columns(self) -> tuple[str, ...]:
        """Target columns that tell one row from another, fed by the identifier rows."""
        return tuple(r.column for r in self.rows if r.is_identifier)


@dataclass(frozen=True, slots=True)
class TransformMap:
    """A named, versioned map; built-in ones are read-only and can be cloned."""

    name: str
    version: str
    description: str
    is_read_only: bool
    streams: tuple[StreamMap, ...]

    def stream(self, source: str, target: str | None = None) -> StreamMap:
        """The stream map of a source data model to a target table; None takes the first there is.

        Raises:
            ConfigError: `transform.no-stream`.
        """
        for stream in self.streams:
            if stream.source.name == source and target in (None, stream.target.name):
                return stream
        raise ConfigError(
            f"The map '{self.name}' says nothing of '{source}'.",
            code="transform.no-stream",
            remedy="Choose a map for this connector's type.",
        )

    def clone(self, name: str) -> TransformMap:
        """The same map under another name, open to change.

        Raises:
            ConfigError: `transform.invalid`: the name is none, or this map's own.
        """
        if not NAME.fullmatch(name) or name == self.name:
            raise ConfigError(
                f"'{name}' cannot name a clone of '{self.name}'.",
                code="transform.invalid",
                remedy="Choose another name of lower-case letters, digits, - and _.",
            )
        return replace(self, name=name, is_read_only=False)


def source_types(model: SourceModel) -> dict[str, DataType]:
    """Every dotted path of a data model that can be mapped, such as `ipAddresses[].ipAddress`, with its data type."""
    return dict(pair for field in model.fields for pair in _paths(field))


def column_of(path: str, columns: Iterable[str]) -> str:
    """The staged column that holds a path; a column's own name may have dots, as headers of files do."""
    return path if path in columns else path.partition(".")[0].removesuffix("[]")


def snake_case(name: str) -> str:
    """`externalAssetId` as `external_asset_id`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def camel_case(name: str) -> str:
    """`external_asset_id` as `externalAssetId`."""
    first, *others = name.split("_")
    return first + "".join(o.title() for o in others)


def target_types(target: Table, column: str) -> tuple[DataType, ...]:
    """The data types a target column takes, the plain one first; none when there is no such column to feed."""
    if column not in target.names or column in PROVENANCE:
        return ()
    ibis_type = target.column(column).type
    return next((types for prefix, types in _TYPES_OF_COLUMN.items() if ibis_type.startswith(prefix)), ())


_TYPES_OF_COLUMN: dict[str, tuple[DataType, ...]] = {
    "string": ("string", "ip", "mac", "version"),
    "int64": ("integer",),
    "float64": ("decimal",),
    "boolean": ("boolean",),
    "timestamp": ("date-time", "date"),
    "array<string>": ("list",),
}


def _paths(field: Field) -> Iterable[tuple[str, DataType]]:
    if field.kind == "objects":
        return ((f"{field.name}[].{c.name}", "list") for c in field.children if TYPE_OF_KIND.get(c.kind) == "string")
    if field.kind == "object":
        return ((f"{field.name}.{c.name}", TYPE_OF_KIND[c.kind]) for c in field.children if c.kind in TYPE_OF_KIND)
    return [(field.name, TYPE_OF_KIND[field.kind])]
