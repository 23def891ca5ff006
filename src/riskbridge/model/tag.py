"""Tags that people give assets."""

from __future__ import annotations

from dataclasses import dataclass

MOST_TAGS = 500
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: on the assets that a person named and, with a query, on those that it describes.

    Attributes:
        name: Unique in any letter case. One that a source gives too is the same tag.
        description: For people.
        query: QQL about assets, asked anew with every run and change; None: only assets named by hand.
        acs: Criticality, 1 to 5, of assets that have the tag, whoever gave it; None says nothing of it.
    """

    name: str
    description: str = ""
    query: str | None = None
    acs: int | None = None
