"""Bands of QDS and TruRisk and their names.

Source: Qualys' published ranges. QDS: Critical 90 to 100, High 70 to 89, Medium 40 to 69, Low 1 to 39. TruRisk: Severe
850 to 1000, High 700 to 849, Medium 500 to 699, Low 0 to 499.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Band:
    """A named range of scores, both ends included."""

    name: str
    lowest: int
    highest: int


QDS_BANDS = (Band("Critical", 90, 100), Band("High", 70, 89), Band("Medium", 40, 69), Band("Low", 1, 39))
TRURISK_BANDS = (Band("Severe", 850, 1000), Band("High", 700, 849), Band("Medium", 500, 699), Band("Low", 0, 499))
