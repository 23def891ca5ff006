"""`make docs`: the reference pages that are generated from the code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import riskbridge
from riskbridge.model.file_formats import FILE_FORMATS, FileFormat
from riskbridge.model.schema import Table
from riskbridge.model.source_model import SOURCE_MODELS, SourceModel
from riskbridge.model.target import ASSET_DRAFT, CVE_DRAFT, DETECTION_DRAFT, REJECT, WAREHOUSE
from riskbridge.search.tokens import ASSET_TOKENS, DETECTION_TOKENS, FINDING_TOKENS, SOFTWARE_TOKENS, Token
from riskbridge.search.uncollected import UNCOLLECTED
from riskbridge.transform.convert import DATA_TYPES
from riskbridge.transform.plain import describe_functions

_ABOUT_ERRORS = """Every failure carries a code, a message and a remedy; `--json` prints all three.
A command ends with 2 after an `InputError`, 3 after a `ConfigError`, 4 after a `RetryableError`, 5 after a `FatalError`.
`…` stands for what the message fills in.
"""
_ABOUT_FORMATS = """What [connectors of files](../how-to/files.md) know of other products' exports. A column counts by its
letters and digits, in any order and letter case: `Plugin ID`, `plugin_id` and `PluginId` are one. A format's columns need not all
be there; others are told of and left out.
"""
_HEAD = "<!-- Written by `make docs`; change the model instead. -->\n"


def render_tables() -> str:
    """The page of every table that travels between stages or is stored."""
    parts = ["# Tables", _HEAD]
    parts += [_render_table(t) for t in (ASSET_DRAFT, DETECTION_DRAFT, CVE_DRAFT, REJECT, *WAREHOUSE)]
    return "\n".join(parts)


def render_source_models() -> str:
    """The page of the source data models."""
    return "\n".join(["# Source data models", _HEAD, *(_render_model(m) for m in SOURCE_MODELS)])


def render_file_formats() -> str:
    """The page of the ready-made formats of files: what each is taken for, what it must have, and its columns."""
    return "\n".join(["# File formats", _HEAD, _ABOUT_FORMATS, *(_render_format(f) for f in FILE_FORMATS)])


def render_maps() -> str:
    """The page of what a row of a transform map may do, and of its data types."""
    lines = ["| function | source fields | arguments | takes | gives | does |", "| --- | --- | --- | --- | --- | --- |"]
    for f in describe_functions():
        least, most = f["sources"]["least"], f["sources"]["most"]
        count = str(least) if least == most else f"{least} or more"
        arguments = ", ".join(f"`{a['name']}`{'' if a['required'] else ' (may be left out)'}" for a in f["arguments"])
        takes = "any" if len(f["takes"]) == len(DATA_TYPES) else ", ".join(f["takes"])
        does = f["description"].replace("|", "\\|")
        lines.append(f"| `{f['name']}` | {count} | {arguments} | {takes} | {f['gives'] or 'as given'} | {does} |")
    types = ["| data type | what it holds |", "| --- | --- |"]
    types += [f"| `{name}` | {_OF_TYPE[name]} |" for name in DATA_TYPES]
    parts = ["# Transform maps", _HEAD, "## Functions\n", *lines, "\n## Data types\n", _ABOUT_TYPES, *types]
    return "\n".join(parts) + "\n"


_ABOUT_TYPES = """A value that does not fit its type becomes null, unless the row is strict. Text is trimmed; blank text is null.
"""
_OF_TYPE = {
    "string": "text",
    "integer": "a whole number",
    "decimal": "a number",
    "boolean": "true or false; also from yes, no, 1, 0",
    "date": "a day, as its midnight in UTC",
    "date-time": "a time in UTC",
    "list": "texts",
    "ip": "an IP address, version 4 or 6, in lower case",
    "mac": "a hardware address: 12 lower-case hexadecimal digits",
    "version": "a version that begins with a digit; a leading v is taken off",
}
_FAULTS = {"LoginFault": ("code", "meaning", "remedy"), "CheckItem": ("name",)}
"""What becomes a `ConfigError` where it is raised, with the names of its arguments by place."""


def render_errors() -> str:
    """The page of every error code: which exit code it ends a command with, where it arises and what to do."""
    found: dict[str, tuple[str, str, str]] = {}
    for module, call in _error_calls():
        words = {k.arg: k.value for k in call.keywords}
        kind = ast.unparse(call.func)
        if kind in _FAULTS:
            words |= dict(zip(_FAULTS[kind], call.args, strict=False))
            kind = "ConfigError"
        code = words.get("code")
        if isinstance(code, ast.Constant):
            found.setdefault(str(code.value), (kind, module, _text(words.get("remedy"))))
    lines = ["| code | error | raised in | what to do |", "| --- | --- | --- | --- |"]
    lines += [f"| `{code}` | {kind} | {module} | {remedy} |" for code, (kind, module, remedy) in sorted(found.items())]
    return "\n".join(["# Error codes", _HEAD, _ABOUT_ERRORS, *lines]) + "\n"


def _error_calls() -> Iterator[tuple[str, ast.Call]]:
    root = Path(riskbridge.__file__).parent
    for path in sorted(root.rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                name = node.func.id
                if name.endswith("Error") or name in _FAULTS:
                    yield module, node


def _text(remedy: ast.expr | None) -> str:
    """A remedy as far as it is fixed; what a message fills in stands as `…`."""
    if isinstance(remedy, ast.Constant):
        return str(remedy.value).replace("|", "\\|")
    if isinstance(remedy, ast.JoinedStr):
        return "".join(_text(v) if isinstance(v, ast.Constant) else "…" for v in remedy.values)
    return "…"


_ABOUT_TOKENS = """Every name that a query may use; how they are written is in [queries](qql.md). `finding.` and `asset.` may be
left out where the rest means one thing. Tokens of detections, software and, on the list of assets, findings hold where one of
them does.
"""
_ABOUT_UNCOLLECTED = """Published names whose facts no source of ours tells. A query with one is refused with
`qql.not-collected`, and not answered with nothing.
"""
_HEADINGS = {
    "Findings": FINDING_TOKENS,
    "Assets": ASSET_TOKENS,
    "Software of an asset": SOFTWARE_TOKENS,
    "Detections behind a finding": DETECTION_TOKENS,
}


def render_tokens() -> str:
    """The page of every QQL token, and of the published ones whose facts are not collected."""
    parts = ["# Tokens of queries", _HEAD, _ABOUT_TOKENS]
    for heading, tokens in _HEADINGS.items():
        parts += [f"## {heading}\n", "| token | also | kind | meaning |", "| --- | --- | --- | --- |"]
        parts += [_render_token(t) for t in tokens]
        parts.append("")
    parts += ["## Not collected\n", _ABOUT_UNCOLLECTED, "| token | why | instead |", "| --- | --- | --- |"]
    parts += [f"| {', '.join(f'`{n}`' for n in u.names)} | {u.why} | {u.instead} |" for u in UNCOLLECTED]
    return "\n".join(parts) + "\n"


def _render_token(token: Token) -> str:
    also = ", ".join(f"`{a}`" for a in token.aliases)
    kind = f"{token.kind}, several" if token.is_list or token.element == "source" else token.kind
    values = f": {', '.join(token.values)}" if token.values and token.kind != "boolean" else ""
    return f"| `{token.name}` | {also} | {kind} | {token.description}{values} |"


PAGES = {
    "tables.md": render_tables,
    "source-models.md": render_source_models,
    "file-formats.md": render_file_formats,
    "errors.md": render_errors,
    "maps.md": render_maps,
    "qql-tokens.md": render_tokens,
}


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


def _render_format(known: FileFormat) -> str:
    needs = "; ".join(" or ".join(f"`{name}`" for name in group) for group in known.needs)
    lines = [
        f"## {known.name}: {known.title}\n",
        f"{known.description}\n",
        f"Source name: `{known.source_name}`. Transform map: `{known.name}`. A file must have: {needs}.\n",
    ]
    models = [m for m in (known.findings, known.assets) if m is not None]
    return "\n".join(lines) + "\n" + "\n".join(_render_model(m).replace("## ", "### ", 1) for m in models)


def _render_model(model: SourceModel) -> str:
    lines = [f"## {model.name}\n", f"{model.description}\n", "| field | kind | meaning |", "| --- | --- | --- |"]
    for field in model.fields:
        lines.append(f"| {field.name} | {field.kind} | {field.description} |")
        mark = "[]" if field.kind == "objects" else ""
        lines += [f"| {field.name}{mark}.{c.name} | {c.kind} | {c.description} |" for c in field.children]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
