"""Constants that reach every engine as the double they are in Python."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir


def double(number: float) -> ir.FloatingValue:
    """A constant as a double.

    A plain literal is a decimal to DuckDB, and choosing between two of them and converting the choice gives
    1.2000000000000002 for 1.2; so the constant is written as text and converted once.
    """
    return ibis.literal(repr(float(number))).cast("float64")
