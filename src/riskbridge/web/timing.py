"""When a profile runs by itself, as a form holds it: a few fields, and the API's own timing made of them and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_EVERY = re.compile(r"\s*(\S*?)\s*([hdw])\w*\s*")


def typed_timing(typed: FormData) -> dict[str, Any] | None:
    """The timing that a form holds, as the API takes it; None where nothing is to run by itself.

    What is typed is kept as it is, right or wrong: the API says what cannot be.
    """
    kind = str(typed.get("timing", "")).strip()
    if kind not in ("once", "every", "cron"):
        return None
    text = {
        n: str(typed.get(n, "")).strip()
        for n in ("once", "number", "unit", "at", "cron", "starts_at", "ends_at", "zone")
    }
    found: dict[str, Any] = {"zone": text["zone"]}
    if kind == "once":
        return found | {"once": text["once"]}
    found |= {"starts_at": text["starts_at"], "ends_at": text["ends_at"]}
    if kind == "cron":
        found |= {"cron": text["cron"]}
    else:
        found |= {"every": f"{text['number']}{text['unit'] or 'd'}", "at": text["at"] if text["unit"] != "h" else ""}
        if text["unit"] == "w":
            found["weekdays"] = [d for d in WEEKDAYS if d in typed.getlist("weekdays")]
    return {n: v for n, v in found.items() if v not in ("", [])}


def timing_fields(timing: Mapping[str, Any] | None, zone: str = "") -> dict[str, Any]:
    """A timing as the form's fields; beginnings that suit most where there is none."""
    given = dict(timing or {})
    every = _EVERY.fullmatch(str(given.get("every", "")))
    kind = next((k for k in ("once", "every", "cron") if k in given), "")
    return {
        "timing": kind,
        "once": given.get("once", ""),
        "number": every[1] if every else "1",
        "unit": every[2] if every else "d",
        "at": given.get("at") or "06:00",
        "weekdays": given.get("weekdays") or [],
        "cron": given.get("cron", "0 6 * * 1-5"),
        "starts_at": given.get("starts_at", ""),
        "ends_at": given.get("ends_at", ""),
        "zone": given.get("zone") or zone,
    }


def text_of_timing(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A kept timing, as the API shows it, in the words in which the API takes one."""
    found = {n: kept[n] for n in ("zone", "starts_at", "ends_at", "at", "cron") if kept.get(n)}
    kind = str(kept["kind"])
    if kind == "once":
        return {"zone": kept["zone"], "once": kept["starts_at"]}
    if kind != "cron":
        found["every"] = f"{kept.get('every', 1)}{kind[0]}"
    if kind == "weeks":
        found["weekdays"] = list(kept.get("weekdays") or ())
    return found
