"""What is wrong with a map: every fault at once, each with the row it is in and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from riskbridge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        message: What, in words.
        remedy: What to do about it, in the imperative.
        stream: `source > target` of the stream it is in; None for the map as a whole.
        row: Its row in that stream, counted from 1; None for the stream as a whole.
        target: The target field of that row.
    """

    message: str
    remedy: str
    stream: str | None = None
    row: int | None = None
    target: str | None = None

    def within(self, stream: str | None, row: int | None = None, target: str | None = None) -> Fault:
        """The same fault, said of a place."""
        return replace(self, stream=stream, row=row, target=target)

    def __str__(self) -> str:
        place = (
            "" if self.stream is None else f"{self.stream}, " if self.row is None else f"{self.stream} row {self.row}, "
        )
        return place.removesuffix(", ") + (": " if place else "") + self.message


def unknown(noun: str, name: str, known: Iterable[str]) -> Fault:
    """That there is no such thing, and what comes nearest."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    did_you = f"; did you mean '{near[0]}'?" if near else ""
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    remedy = f"Write '{near[0]}'." if near else f"Choose one of: {shown}."
    return Fault(f"there is no {noun} '{name}'{did_you}", remedy)


def refuse(name: str, faults: Sequence[Fault]) -> ConfigError:
    """The error that tells all of them; its `faults` are plain data."""
    told = "; ".join(str(f) for f in faults[:MOST_TOLD])
    more = f"; and {len(faults) - MOST_TOLD:,} more" if len(faults) > MOST_TOLD else ""
    remedies = list(dict.fromkeys(f.remedy for f in faults))
    return ConfigError(
        f"The transform map '{name[:80]}' cannot be used: {told}{more}.",
        code="transform.invalid",
        remedy="Mend what is named and save again." if len(remedies) > 1 else remedies[0],
        faults=[asdict(f) for f in faults[:MOST_FAULTS]],
    )


MOST_NAMES = 12
"""Names that a remedy lists."""
MOST_TOLD = 20
"""Faults that the message tells in full."""
MOST_FAULTS = 200
"""Faults that the error carries as data."""
