"""Base scores that CVSS vectors give, by the `cvss` library; versions 2, 3.0, 3.1 and 4.0."""

from __future__ import annotations

from functools import lru_cache

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

LONGEST_VECTOR = 400


@lru_cache(maxsize=65_536)
def base_score(vector: str) -> float | None:
    """The base score, 0 to 10, that a vector gives; None when it is no vector or lacks a metric of the base score."""
    if len(vector) > LONGEST_VECTOR:
        return None
    try:
        if vector.startswith("CVSS:4"):
            return float(CVSS4(vector).base_score)
        if vector.startswith("CVSS:3"):
            return float(CVSS3(vector).base_score)
        return float(CVSS2(vector.strip("()")).base_score)
    except (CVSSError, ValueError, KeyError, TypeError):
        return None
