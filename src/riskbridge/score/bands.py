"""Bands of QDS and TruRisk and their names.

Source: Qualys' published ranges. QDS: Critical 90 to 100, High 70 to 89, Medium 40 to 69, Low 1 to 39. TruRisk: Severe
850 to 1000, High 700 to 849, Medium 500 to 699, Low 0 to 499.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from riskbridge.errors import InputError


@dataclass(frozen=True, slots=True)
class Band:
    """A named range of scores, both ends included."""

    name: str
    lowest: int
    highest: int


QDS_BANDS = (Band("Critical", 90, 100), Band("High", 70, 89), Band("Medium", 40, 69), Band("Low", 1, 39))
TRURISK_BANDS = (Band("Severe", 850, 1000), Band("High", 700, 849), Band("Medium", 500, 699), Band("Low", 0, 499))


def band_of(score: int, bands: tuple[Band, ...]) -> Band:
    """The band a score lies in.

    Raises:
        InputError: `score.out-of-range`: no band holds it.
    """
    for band in bands:
        if band.lowest <= score <= band.highest:
            return band
    raise InputError(
        f"{score} is no score: these go from {bands[-1].lowest} to {bands[0].highest}.",
        code="score.out-of-range",
        remedy="Give a score within that range.",
    )


def band_name(score: ir.IntegerValue, bands: tuple[Band, ...]) -> ir.StringValue:
    """The name of the band a column of scores lies in; null where the score is null."""
    named = ibis.cases(*((score >= band.lowest, band.name) for band in bands), else_=ibis.null("string"))
    return ibis.ifelse(score.isnull(), ibis.null("string"), named)
