"""The score map: what a source's words of severity stand for where there is no CVE to score by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from riskbridge.errors import InputError

SEVERITIES = (5, 4, 3, 2, 1)
MOST_VALUES, LONGEST_VALUE = 100, 200
"""Values of a row, and characters of a value."""


@dataclass(frozen=True, slots=True)
class ScoreMapRow:
    """One severity: the words of sources that mean it (letter case is ignored) and the QDS it gives, 0 to 100."""

    severity: int
    source_values: tuple[str, ...]
    qds: int


DEFAULT_SCORE_MAP = (
    ScoreMapRow(5, ("Critical",), 95),
    ScoreMapRow(4, ("High",), 80),
    ScoreMapRow(3, ("Medium", "Moderate"), 55),
    ScoreMapRow(2, ("Low",), 25),
    ScoreMapRow(1, ("Informational", "Info", "None"), 10),
)
"""The suggested map; the numbers lie in the published bands of severities."""


@dataclass(frozen=True, slots=True)
class ScoreMap:
    """Severity 1 to 5 of a source's word, and the QDS of a finding without a CVE.

    Attributes:
        rows: One for each severity.
        default_severity: That of words in no row, and of none.

    Raises:
        InputError: `score-map.bad`, with `faults`, one for everything that is wrong.
    """

    rows: tuple[ScoreMapRow, ...] = DEFAULT_SCORE_MAP
    default_severity: int = 3

    def __post_init__(self) -> None:
        faults = [*_rows_faults(self.rows), *_value_faults(self.rows), *_number_faults(self)]
        if faults:
            raise InputError(
                f"The score map cannot be used: {'; '.join(f['message'] for f in faults)}.",
                code="score-map.bad",
                remedy=" ".join(dict.fromkeys(f["remedy"] for f in faults)),
                faults=faults,
            )

    def qds(self, severity: int) -> int:
        """The QDS of a severity from 1 to 5; a mapped 0 is stored as 1, the lowest QDS there is."""
        return max(1, next(row.qds for row in self.rows if row.severity == severity))

    def severity_of(self, word: str | None) -> int:
        """The severity of a source's word, in any letter case."""
        tidy = (word or "").strip().casefold()
        values = ((row.severity, [v.strip().casefold() for v in row.source_values]) for row in self.rows)
        return next((severity for severity, words in values if tidy in words), self.default_severity)


def _fault(where: str, message: str, remedy: str) -> dict[str, str]:
    return {"where": where, "message": message, "remedy": remedy}


def _rows_faults(rows: Sequence[ScoreMapRow]) -> list[dict[str, str]]:
    given = [row.severity for row in rows]
    faults = [
        _fault(f"severity {n}", f"severity {n} has no row", "Give five rows, one for each severity from 1 to 5.")
        for n in SEVERITIES
        if n not in given
    ]
    faults += [
        _fault(f"severity {n}", f"severity {n} has {given.count(n)} rows", "Give each severity one row.")
        for n in SEVERITIES
        if given.count(n) > 1
    ]
    faults += [
        _fault(f"severity {n}", f"there is no severity {n}", "Severities go from 1 to 5.")
        for n in sorted(set(given) - set(SEVERITIES))
    ]
    return faults


def _value_faults(rows: Sequence[ScoreMapRow]) -> list[dict[str, str]]:
    faults, seen = [], dict[str, int]()
    for row in rows:
        values = [v.strip() for v in row.source_values]
        where = f"severity {row.severity}"
        if not any(values):
            faults.append(_fault(where, f"{where} has no source value", "Give every row a value that sources send."))
        if len(values) > MOST_VALUES or any(len(v) > LONGEST_VALUE for v in values):
            remedy = f"Keep to {MOST_VALUES} values of {LONGEST_VALUE} characters."
            faults.append(_fault(where, f"{where} has too many values, or one that is too long", remedy))
        for value in values:
            if not value:
                continue
            other = seen.setdefault(value.casefold(), row.severity)
            if other != row.severity or sum(v.casefold() == value.casefold() for v in values) > 1:
                message = f"'{value}' stands for severity {other} and for {row.severity}"
                faults.append(_fault(where, message, "Let each value stand in one row, once."))
    return [f for n, f in enumerate(faults) if f not in faults[:n]]


def _number_faults(score_map: ScoreMap) -> list[dict[str, str]]:
    faults = [
        _fault(
            f"severity {r.severity}", f"the QDS {r.qds} is not within 0 to 100", "Give each row a QDS from 0 to 100."
        )
        for r in score_map.rows
        if not 0 <= r.qds <= 100
    ]
    if score_map.default_severity not in SEVERITIES:
        message = f"the default severity {score_map.default_severity} is none"
        faults.append(_fault("default", message, "Choose a default severity from 1 to 5."))
    return faults
