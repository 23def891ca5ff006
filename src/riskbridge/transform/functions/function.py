"""What every function of a map's row is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from riskbridge.transform.convert import DATA_TYPES, DataType

ANY = frozenset(DATA_TYPES)


class Function(Protocol):
    """Turns the values of a row's source fields into one value; frozen, with its arguments as fields.

    `takes` names the data types it works on; other values are made text first where text is among them. `gives` is the
    type of its result, None for the type of its first value. `sources` is how many fields it needs: at least and at
    most, None for any number.
    """

    takes: ClassVar[frozenset[DataType]]
    gives: ClassVar[DataType | None]
    sources: ClassVar[tuple[int, int | None]]

    def apply(self, values: Sequence[Any]) -> Any:
        """The value, from those of the source fields in the row's order. Texts come trimmed, null when blank."""
