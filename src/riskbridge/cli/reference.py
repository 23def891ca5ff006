"""`make docs`: the reference pages that are generated from the code."""

from __future__ import annotations

import sys
from pathlib import Path

from riskbridge.model.schema import Table
from riskbridge.model.source_model import SOURCE_MODELS, SourceModel
from riskbridge.model.target import ASSET_DRAFT, CVE_DRAFT, DETECTION_DRAFT, REJECT, WAREHOUSE

_HEAD = "<!-- Written by `make docs`; change the model instead. -->\n"


def render_tables() -> str:
    """The page of every table that travels between stages or is stored."""
    parts = ["# Tables", _HEAD]
    parts += [_render_table(t) for t in (ASSET_DRAFT, DETECTION_DRAFT, CVE_DRAFT, REJECT, *WAREHOUSE)]
    return "\n".join(parts)


def render_source_models() -> str:
    """The page of the source data models."""
    return "\n".join(["# Source data models", _HEAD, *(_render_model(m) for m in SOURCE_MODELS)])


PAGES = {"tables.md": render_tables, "source-models.md": render_source_models}


def main(folder: Path) -> None:
    """Write every page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8")


def _render_table(table: Table) -> str:
    lines = [
        f"## {table.name}\n",
        f"{table.description}\n",
        "| column | type | may be null | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for c in table:
        example = f" Example: `{c.example}`" if c.example else ""
        lines.append(f"| {c.name} | {c.type} | {'yes' if c.nullable else 'no'} | {c.description}{example} |")
    return "\n".join(lines) + "\n"


def _render_model(model: SourceModel) -> str:
    lines = [f"## {model.name}\n", f"{model.description}\n", "| field | kind | meaning |", "| --- | --- | --- |"]
    for field in model.fields:
        lines.append(f"| {field.name} | {field.kind} | {field.description} |")
        mark = "[]" if field.kind == "objects" else ""
        lines += [f"| {field.name}{mark}.{c.name} | {c.kind} | {c.description} |" for c in field.children]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
