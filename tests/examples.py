"""On how many examples a law is tried."""

import os

EXPLORED = int(os.environ.get("RISKBRIDGE_EXPLORE", "0"))
"""0: the same few examples each time. From 1 up: others each time, ten times as many for each."""


def examples(number: int) -> int:
    """The examples of a law that is tried on that many from day to day."""
    return number * 10 * EXPLORED if EXPLORED else number
