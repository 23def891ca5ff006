"""A map's rows as a form holds them: one line of fields a row, and back."""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import FormData

OWN = ("from", "to", "type", "function", "identifier", "strict")
FIELDS = ("from", "function", "arguments", "type", "to")
LONGEST_MAP = 900_000


def shown_rows(stream: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a stream as fields: sources joined by commas, arguments as JSON members."""
    rows = []
    for row in stream["row"]:
        sources = row.get("from", [])
        arguments = row.get("arguments_typed") or _members({k: v for k, v in row.items() if k not in OWN})
        rows.append(
            {
                "from": sources if isinstance(sources, str) else ", ".join(sources),
                "function": row.get("function", "direct"),
                "arguments": arguments,
                "type": row.get("type", "string"),
                "to": row.get("to", ""),
                "identifier": bool(row.get("identifier")),
                "strict": bool(row.get("strict")),
            }
        )
    return rows


def typed_rows(typed: FormData) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """The rows that a form holds, blank ones left out, and what cannot be read of them by row, from 1."""
    columns = [[str(v).strip() for v in typed.getlist(name)] for name in FIELDS]
    ticks = {name: {int(str(v)) for v in typed.getlist(name) if str(v).isdigit()} for name in ("identifier", "strict")}
    keys = [int(str(v)) if str(v).isdigit() else 0 for v in typed.getlist("row")]
    rows: list[dict[str, Any]] = []
    faults: dict[int, str] = {}
    for key, values in zip(keys, zip(*columns, strict=False), strict=False):
        line = dict(zip(FIELDS, values, strict=True))
        if not line["from"] and not line["to"] and not line["arguments"]:
            continue
        row = _row(line)
        row |= {name: True for name, chosen in ticks.items() if key in chosen}
        rows.append(row)
        if "arguments_typed" in row:
            faults[len(rows)] = 'Arguments are members of JSON, such as "separator": " ".'
    return rows, faults


def _row(line: dict[str, str]) -> dict[str, Any]:
    sources = [s.strip() for s in line["from"].split(",") if s.strip()]
    row: dict[str, Any] = {"to": line["to"], "type": line["type"]}
    if sources:
        row["from"] = sources[0] if len(sources) == 1 else sources
    if line["function"] != "direct":
        row["function"] = line["function"]
    try:
        members = json.loads("{" + line["arguments"] + "}")
    except (ValueError, RecursionError):
        return row | {"arguments_typed": line["arguments"]}
    return {**{k: v for k, v in members.items() if k not in OWN}, **row}


def parse_whole(text: str) -> dict[str, Any] | None:
    """The whole map that a form carries along; None where it is none."""
    if len(text) > LONGEST_MAP:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    streams = found.get("stream") if isinstance(found, dict) else None
    is_map = isinstance(streams, list) and all(isinstance(s, dict) and isinstance(s.get("row"), list) for s in streams)
    return found if is_map and streams else None


def plain_map(whole: dict[str, Any]) -> dict[str, Any]:
    """The map without what only the form knows of it."""
    streams = [
        {**s, "row": [{k: v for k, v in row.items() if k != "arguments_typed"} for row in s["row"]]}
        for s in whole["stream"]
    ]
    return {**whole, "stream": streams}


def _members(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)[1:-1]
