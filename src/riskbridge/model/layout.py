"""How the large tables lie on disk: what many rows say alike is stored once, and rows carry its number.

A hundred thousand findings tell of a few thousand products and CVEs. Stored narrow, they are written in a third of the
time and filtered by a scan of whole numbers. Everything else sees the tables of `model.target`, as views of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from riskbridge.model.schema import Column, Table
from riskbridge.model.target import DETECTION, EVENT, FINDING

KIND = "kind_id"
"""The column that joins rows to what they have in common."""
IS_FOUND = "is_found"
"""Of a version of a finding, stored and not seen: it is the finding's first, so it also stands for the event that tells so."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one table is stored.

    Attributes:
        table: The table as everyone sees it.
        shared: Its columns that are stored once for all rows that agree in all of them; none for a table without.
        computed: Its columns that follow from others and are not stored.
        divided: A text column that begins with what its row is on and ends with what its kind is, such as the row ids of
            Defender, which name the device, the CVE and the product: stored as `begin_of` and `end_of` it.
        unique: Its text columns that hardly repeat: not worth a try at compression.
        repeated: Its text columns that always repeat: compressed by a dictionary, and no other way is tried.
        words: Its text columns of a few words, with those words in the order of the alphabet.
        besides: What is stored of its rows and not seen.
    """

    table: Table
    shared: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    divided: str | None = None
    unique: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    besides: tuple[Column, ...] = ()

    @property
    def begin(self) -> tuple[str, ...]:
        """The column for the beginning of the divided text, if any."""
        return () if self.divided is None else (begin_of(self.divided),)

    @property
    def end(self) -> tuple[str, ...]:
        """The column for its end, if any."""
        return () if self.divided is None else (end_of(self.divided),)

    @property
    def common(self) -> tuple[str, ...]:
        """The columns of a kind but its number."""
        return (*self.shared, *self.end)

    @property
    def rows(self) -> Table:
        """What is stored of each row."""
        own = tuple(c for c in self.table if c.name not in (*self.shared, *self.computed, self.divided))
        begin = tuple(Column(n, "string", nullable=False) for n in self.begin)
        number = (Column(KIND, "int64", nullable=False, description="What the row has in common with others"),)
        columns = (*own, *begin, *self.besides, *(number if self.shared else ()))
        return Table(f"{self.table.name}_rows", self.table.description, columns)

    @property
    def kinds(self) -> Table:
        """What rows have in common, by number."""
        columns = (
            Column(KIND, "int64", nullable=False, description="Its number"),
            *(self.table.column(n) for n in self.shared),
            *(Column(n, "string", nullable=False) for n in self.end),
        )
        return Table(
            f"{self.table.name}_kinds", f"What rows of {self.table.name} have in common.", columns, key=(KIND,)
        )


def begin_of(column: str) -> str:
    """The column that holds the beginning of a divided text."""
    return f"{column}_begin"


def end_of(column: str) -> str:
    """The column that holds its end."""
    return f"{column}_end"


_OF_DETECTION = (
    "connector_id",
    "cve_id",
    "vendor_finding_id",
    "category",
    "finding_name",
    "product_vendor",
    "product_name",
    "product_version",
    "finding_severity",
    "fixing_kb",
)

LAYOUTS = {
    layout.table.name: layout
    for layout in (
        Layout(
            DETECTION,
            shared=_OF_DETECTION,
            divided="external_finding_id",
            unique=("detection_id", "finding_id"),
            repeated=("asset_id", "source_asset_id", begin_of("external_finding_id")),
            words={"state": ("closed", "open")},
        ),
        Layout(
            FINDING,
            shared=(
                "category",
                "cve_id",
                "vendor_finding_id",
                "title",
                "product_vendor",
                "product_name",
                "product_version",
                "source_severity",
                "severity",
                "fixing_kb",
                "score_key",
            ),
            unique=("finding_id",),
            repeated=("asset_id", "connector_id"),
            words={"state": ("fixed", "open")},
            besides=(Column(IS_FOUND, "boolean", description="It stands for the event of its being found, too"),),
        ),
        Layout(EVENT, computed=("event_id",), unique=("subject_id",)),
    )
}
"""Tables that are not stored as they are seen, by name."""
