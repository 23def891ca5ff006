"""What commands print: tables for people, one JSON object for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from riskbridge.cli.terminal import make_console

if TYPE_CHECKING:
    from rich.console import Console

    from riskbridge.app import Listing
    from riskbridge.model.run import RunRecord
    from riskbridge.source.defender.doctor import CheckReport

ASSET_COLUMNS = {
    "asset_id": "id",
    "asset_name": "asset",
    "operating_system_name": "system",
    "trurisk": "TruRisk",
    "critical_count": "crit",
    "high_count": "high",
    "medium_count": "med",
    "low_count": "low",
    "max_qds": "max QDS",
    "source_count": "records",
}
FINDING_COLUMNS = {
    "finding_id": "id",
    "qds": "QDS",
    "cve_id": "CVE",
    "title": "title",
    "asset_name": "asset",
    "status": "status",
    "sla_state": "SLA",
    "verdict": "decision",
    "is_kev": "KEV",
    "epss": "EPSS",
    "cvss_score": "CVSS",
}


_USUAL = {"sla_state": ("within", "met", None), "verdict": (None,)}
"""Columns that a list leaves out, for want of room, where every row has one of these values."""
CUT = ("title", "asset", "system", "connector")
"""Columns cut to one line where a terminal is narrow."""
GAP, NARROWEST = 2, 6
WIDEST_WHOLE = 16
"""Characters up to which a column is always shown whole: a CVE id has 13 to 16."""


def say_json(value: object) -> None:
    """One JSON object as the last line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def say(value: dict[str, Any], text: str, *, as_json: bool) -> None:
    """The value for programs, or the sentence for people."""
    if as_json:
        say_json(value)
    else:
        make_console().print(escape(text))


def render_check(report: CheckReport) -> None:
    """The connection test, item by item."""
    console = make_console(stderr=True)
    for item in report.items:
        mark = "[green]✓[/]" if item.is_ok else "[red]✗[/]"
        console.print(f"{mark} {escape(item.name)}: {escape(item.message)}")
        if not item.is_ok:
            console.print(f"  → {escape(item.remedy)}")


def render_rows(rows: list[dict[str, Any]], *, empty: str) -> None:
    """A table of small rows, or the sentence that says what to do when there are none."""
    console = make_console()
    if not rows:
        console.print(escape(empty))
        return
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    cells = [[_cell(v) for v in row.values()] for row in rows]
    widths = {n: max(len(n), *map(len, column)) for n, column in zip(rows[0], zip(*cells, strict=True), strict=True)}
    # Ids and numbers are of no use when they are cut; names share what is left.
    whole = {n: width for n, width in widths.items() if width <= WIDEST_WHOLE and n not in CUT}
    left = console.width - sum(whole.values()) - GAP * (len(widths) - 1)
    for name, width in widths.items():
        if name in whole and left >= 0:
            table.add_column(name, no_wrap=True, min_width=width)
        elif name in CUT:
            share = max(NARROWEST, left // (len(widths) - len(whole)))
            table.add_column(name, no_wrap=True, max_width=share)
        else:
            table.add_column(name)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def render_listing(listing: Listing, columns: dict[str, str], noun: str, *, as_json: bool) -> None:
    """A list with how many match in all; the same count in either form."""
    if as_json:
        say_json({"count": listing.count, "rows": listing.rows})
        return
    dull = {n for n, usual in _USUAL.items() if all(row.get(n) in usual for row in listing.rows)}
    shown = {n: label for n, label in columns.items() if n not in dull}
    render_rows(
        [{label: _short(name, row.get(name)) for name, label in shown.items()} for row in listing.rows],
        empty=f"No {noun} match.",
    )
    make_console().print(f"[dim]{len(listing.rows):,} of {listing.count:,} {noun}[/]")


def render_pairs(values: dict[str, Any]) -> None:
    """Names and values, one a line."""
    table = Table.grid(padding=(0, 2))
    for name, value in values.items():
        table.add_row(f"[bold]{escape(name)}[/]", _cell(value))
    make_console().print(table)


def render_run(record: RunRecord) -> None:
    """How a run went and what changed."""
    console = make_console()
    values = record_as_dict(record)
    console.print(
        f"Run {values['run']} of {escape(record.connector_name)} {record.outcome.value} in {values['seconds']} s."
    )
    counts = record.counts
    console.print(
        f"  {counts.get('assets', 0):,} assets, {counts.get('findings', 0):,} findings "
        f"({counts.get('findings_found', 0):,} new, {counts.get('findings_fixed', 0):,} fixed, "
        f"{counts.get('findings_reopened', 0):,} reopened), {counts.get('detections', 0):,} detections, "
        f"{counts.get('events', 0):,} events, {counts.get('rejects', 0):,} rejects"
    )
    for warning in record.warnings:
        console.print(f"[yellow]! {escape(warning)}[/]")
    if counts.get("rejects"):
        console.print("  See what could not be used: riskbridge rejects")


def record_as_dict(record: RunRecord) -> dict[str, Any]:
    """A run's record as plain data: `seconds` is how long it took."""
    seconds = (record.ended_at - record.started_at).total_seconds() if record.ended_at else None
    counts = record.counts
    return {
        "run": record.run,
        "run_id": record.run_id,
        "connector": record.connector_name,
        "outcome": record.outcome.value,
        "trigger": record.trigger,
        "due_at": record.due_at.isoformat() if record.due_at else None,
        "started_at": record.started_at.isoformat(),
        "seconds": None if seconds is None else round(seconds, 1),
        "is_resumed": record.is_resumed,
        "calls": record.calls,
        "findings_new": counts.get("findings_found", 0),
        "findings_fixed": counts.get("findings_fixed", 0),
        "findings_changed": sum(counts.get(f"findings_{k}", 0) for k in ("changed", "rescored", "reopened")),
        "events": counts.get("events", 0),
        "rejects": counts.get("rejects", 0),
        "counts": counts,
        "warnings": list(record.warnings),
        "streams": list(record.streams),
        "error": record.error,
    }


def render_explanation(kind: str, explained: dict[str, Any]) -> None:
    """A score taken apart, with what it stands on."""
    console = make_console()
    subject = explained[kind]
    name = subject.get("title") or subject.get("asset_name")
    what = f"{subject.get('cve_id') or ''} {name} on {subject.get('asset_name')}" if kind == "finding" else name
    console.print(f"[bold]{escape(str(what).strip())}[/]")
    label = "QDS" if kind == "finding" else "TruRisk"
    console.print(f"{label} [bold]{explained['score']}[/] by {explained['formula']}: {escape(str(explained['why']))}")
    if kind == "finding":
        _render_clock(console, subject)
    render_rows([{"factor": n, **f} for n, f in explained["factors"].items()], empty="No factor.")
    proven = [d for d in explained.get("detections", ()) if d.get("security_update") or d.get("disk_paths")]
    for title, rows in ({"proof": proven} | explained).items():
        if title in _SHOWN and rows:
            console.print(f"\n[bold]{title}[/]")
            render_rows([_some(title, r) for r in rows[:MOST_SHOWN]], empty="")
            if len(rows) > MOST_SHOWN:
                console.print(f"… and {len(rows) - MOST_SHOWN:,} more; --json gives all of them")


def _render_clock(console: Console, finding: dict[str, Any]) -> None:
    """The dates of a finding, and what people decided about it; what is not set is left out."""
    dates = {
        "first found": finding["first_found_at"],
        "last found": finding["last_found_at"],
        "last fixed": finding["last_fixed_at"],
        "reopened": finding["reopened_at"],
        f"due ({finding['sla_state']})": finding["due_at"],
    }
    console.print(escape(", ".join(f"{name} {str(at)[:10]}" for name, at in dates.items() if at)))
    decided = {
        str(finding["verdict"]): finding["why"] or "yes" if finding["verdict"] else None,
        "until": finding["accepted_until"] if finding["verdict"] == "accepted" else None,
        "owner": finding["owner"],
        "tags": ", ".join(finding["decision_tags"] or ()) or None,
        "note": finding["note"],
    }
    told = "; ".join(f"{name}: {value}" for name, value in decided.items() if value)
    if told:
        console.print(escape(told))


MOST_SHOWN = 50
"""Rows of a part of an explanation that people are shown."""
_SHOWN = {
    "proof": ("product_name", "security_update", "disk_paths", "exploitability", "end_of_support"),
    "software": ("product_vendor", "product_name", "product_version", "weaknesses", "end_of_support"),
    "detections": (
        "product_vendor",
        "product_name",
        "product_version",
        "state",
        "first_found_at",
        "close_reason",
        "map_version",
    ),
    "identity": ("external_asset_id", "source", "asset_name", "rule", "matched_on", "rejected"),
    "lost_candidates": ("asset_name", "asset_id", "rule", "matched_on", "why"),
    "attributes": ("attribute", "value", "source", "why"),
    "events": ("at", "kind", "reason", "detail"),
}


def _some(title: str, row: dict[str, Any]) -> dict[str, Any]:
    return {n: row.get(n) for n in _SHOWN[title]}


def _short(name: str, value: Any) -> Any:
    if name.endswith("_id") and name != "cve_id" and isinstance(value, str):
        return value[:10]
    return value


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return escape(", ".join(map(str, value))) or "-"
    return escape(str(value))
