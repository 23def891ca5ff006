"""In which band a score lies, for one score and for a column of them."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from riskbridge.errors import InputError
from riskbridge.model.bands import QDS_BANDS, TRURISK_BANDS, Band

__all__ = ["QDS_BANDS", "TRURISK_BANDS", "Band", "band_name", "band_of"]


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
