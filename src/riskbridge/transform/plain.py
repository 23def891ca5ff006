"""Transform maps as plain data and as text, the way `spec` reads them; and what people can choose from to write one."""

from __future__ import annotations

import inspect
import json
from dataclasses import MISSING, asdict, fields
from typing import Any

from riskbridge.transform.functions import FUNCTIONS
from riskbridge.transform.rows import MapRow, StreamMap, TransformMap

_BEFORE_ROWS = ("pass_over_without", "leave_out", "says_fixed", "cves_in", "require")
_NAMES = {kind: name for name, kind in FUNCTIONS.items()}


def map_as_dict(transform_map: TransformMap) -> dict[str, Any]:
    """A map as plain data that JSON can hold; `parse_values` gives the same map again."""
    return {
        "name": transform_map.name,
        "version": transform_map.version,
        "description": transform_map.description,
        "stream": [_stream_as_dict(s) for s in transform_map.streams],
    }


def map_as_toml(transform_map: TransformMap) -> str:
    """A map as TOML that a person can edit, one line a row; `parse_map` gives the same map again."""
    return plain_as_toml(map_as_dict(transform_map))


def plain_as_toml(plain: dict[str, Any]) -> str:
    """A map's plain data as TOML; it need not be right."""
    lines = [f"{n} = {_toml(plain[n])}" for n in ("name", "version", "description") if n in plain]
    for stream in plain["stream"]:
        lines += ["", "[[stream]]", *(f"{n} = {_toml(stream[n])}" for n in ("source", "target"))]
        lines += [f"{n} = {_toml(stream[n])}" for n in _BEFORE_ROWS if n in stream]
        lines += ["row = [", *(f"  {_toml(row)}," for row in stream["row"]), "]"]
    return "\n".join(lines) + "\n"


def row_as_dict(row: MapRow) -> dict[str, Any]:
    """One row as plain data; arguments that are the function's own defaults are left out."""
    values: dict[str, Any] = {}
    if row.sources:
        values["from"] = row.sources[0] if len(row.sources) == 1 else list(row.sources)
    values |= {"to": row.target, "type": row.type}
    name = _NAMES[type(row.function)]
    values |= {} if name == "direct" else {"function": name}
    for argument in fields(row.function):  # type: ignore[arg-type]  # every function is a dataclass
        value = getattr(row.function, argument.name)
        if argument.default is MISSING or value != argument.default:
            values[argument.name] = list(value) if isinstance(value, tuple) else value
    values |= {"identifier": True} if row.is_identifier else {}
    return values | ({"strict": True} if row.is_strict else {})


def describe_functions() -> list[dict[str, Any]]:
    """Every function of a map's row: `name`, `description`, `takes`, `gives` (None: as given), `sources`, `arguments`."""
    return [
        {
            "name": name,
            "description": (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " "),
            "takes": sorted(kind.takes),
            "gives": kind.gives,
            "sources": {"least": kind.sources[0], "most": kind.sources[1]},
            "arguments": [
                {
                    "name": f.name,
                    "type": str(f.type),
                    "required": f.default is MISSING,
                    "default": None if f.default is MISSING else f.default,
                }
                for f in fields(kind)
            ],
        }
        for name, kind in FUNCTIONS.items()
    ]


def _stream_as_dict(stream: StreamMap) -> dict[str, Any]:
    values: dict[str, Any] = {"source": stream.source.name, "target": stream.target.name}
    if stream.passes_over:
        values["pass_over_without"] = list(stream.passes_over)
    if stream.requires:
        values["require"] = [{"any_of": list(r.any_of), "reason": r.reason} for r in stream.requires]
    sayings = {"leave_out": stream.leaves_out, "says_fixed": stream.says_fixed}
    values |= {name: [asdict(s) for s in told] for name, told in sayings.items() if told}
    if stream.cves_in:
        values["cves_in"] = list(stream.cves_in)
    return values | {"row": [row_as_dict(r) for r in stream.rows]}


def _toml(value: Any) -> str:
    """A value as TOML; JSON's texts and numbers are TOML's too, but for the delete character."""
    if isinstance(value, dict):
        members = ", ".join(f"{_toml_key(k)} = {_toml(v)}" for k, v in value.items() if v is not None)
        return f"{{ {members} }}" if members else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(v) for v in value)}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    is_bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if is_bare else _toml(key)
