"""Commands by which people decide: verdicts on findings, and how long they may stay open."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json


@app.command()
def decide(
    finding: Annotated[str | None, typer.Argument(metavar="[FINDING]", help="Its id, or the beginning of it")] = None,
    where: Annotated[str | None, typer.Option("--where", help="QQL: every finding it describes")] = None,
    accept_until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Accept the risk; the last day, such as 2027-01-31")
    ] = None,
    why: Annotated[str | None, typer.Option(help="The reason, kept with the decision")] = None,
    owner: Annotated[str | None, typer.Option(help="Who is to see to it; '' for nobody")] = None,
    due: Annotated[str | None, typer.Option(help="By when, such as 2027-01-31; '' for the day by severity")] = None,
    note: Annotated[str | None, typer.Option(help="A note; '' for none")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Tag to add; may be repeated")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Tag to take away; may be repeated")] = None,
    home: Home = None,
    *,
    false_positive: Annotated[bool, typer.Option("--false-positive", help="The device does not have it")] = False,
    mitigated: Annotated[bool, typer.Option("--mitigated", help="Made harmless otherwise; it still counts")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the verdict back")] = False,
    as_json: Json = False,
) -> None:
    """Decide about a finding, or about all that a query describes; no run overwrites it."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.decisions import decide as take  # noqa: PLC0415
    from riskbridge.pipeline.decisions import Decision  # noqa: PLC0415 - loads Ibis

    decision = Decision(
        by="",
        at=datetime.now(UTC),
        why=why,
        accepted_until=accept_until.date() if accept_until else None,
        is_false_positive=false_positive,
        is_mitigated=mitigated,
        is_undone=undo,
        owner=owner,
        due_on=None if due is None else _day(due),
        note=note,
        tags=tuple(tag or ()),
        untags=tuple(untag or ()),
    )
    with open_app(home) as opened:
        done = take(opened, decision, finding_id=finding, query=where)
    noun = "finding" if done["findings"] == 1 else "findings"
    say(done, f"Decided about {done['findings']:,} {noun}: {done['decision']}.", as_json=as_json)


@app.command()
def sla(
    critical: Annotated[int | None, typer.Option(help="Days for severity 5")] = None,
    high: Annotated[int | None, typer.Option(help="Days for severity 4")] = None,
    medium: Annotated[int | None, typer.Option(help="Days for severity 3")] = None,
    low: Annotated[int | None, typer.Option(help="Days for severity 2")] = None,
    information: Annotated[int | None, typer.Option(help="Days for severity 1")] = None,
    at_risk: Annotated[int | None, typer.Option(help="Days before the due date from which it is at risk")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Show or set in how many days findings are to be fixed, by severity."""
    from dataclasses import asdict  # noqa: PLC0415

    from riskbridge.cli.render import render_pairs, say_json  # noqa: PLC0415
    from riskbridge.sla import load_sla, save_sla  # noqa: PLC0415

    given = {"critical": critical, "high": high, "medium": medium, "low": low, "information": information}
    changes = {n: v for n, v in (given | {"at_risk": at_risk}).items() if v is not None}
    with open_app(home) as opened:
        days = save_sla(opened.store, changes) if changes else load_sla(opened.store)
    if as_json:
        say_json(asdict(days))
    else:
        render_pairs(asdict(days))


def _day(text: str) -> date:
    from riskbridge.errors import InputError  # noqa: PLC0415

    try:
        return date.fromisoformat(text) if text else date.max
    except ValueError:
        raise InputError(f"'{text}' is no day.", code="decision.bad-date", remedy="Write it as 2027-01-31.") from None
