"""Commands for schedules, and for runs that are under way: pause, resume, cancel, watch."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import ChosenProfile, Home, Json

schedule_app = typer.Typer(help="When profiles run by themselves, while `riskbridge serve` runs.", no_args_is_help=True)
app.add_typer(schedule_app, name="schedule")

Name = Annotated[str, typer.Argument(help="Connector")]


@schedule_app.command("set")
def schedule_set(
    name: Name,
    profile: ChosenProfile = None,
    once: Annotated[str | None, typer.Option(help="Single occurrence, such as '2027-01-31 06:00'")] = None,
    every: Annotated[str | None, typer.Option(help="Hours, days or weeks between runs: 6h, 1d, 2w")] = None,
    at: Annotated[str | None, typer.Option(help="Time of the day of --every 1d and 1w, such as 06:00")] = None,
    on: Annotated[str | None, typer.Option(help="Weekdays of --every 1w, such as mon,thu")] = None,
    cron: Annotated[
        str | None, typer.Option(help="Minute, hour, day, month and weekday, such as '0 6 * * 1-5'")
    ] = None,
    start: Annotated[str | None, typer.Option(help="Nothing before this day or time; left out: now")] = None,
    end: Annotated[str | None, typer.Option(help="Nothing after this day or time")] = None,
    zone: Annotated[
        str | None, typer.Option(help="Time zone, such as Europe/Amsterdam; left out: this machine's")
    ] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Let a profile run by itself, in place of the schedule it had."""
    from riskbridge.schedules import TimingText, parse_timing, set_schedule, show_schedule  # noqa: PLC0415

    days = tuple(d for d in (on or "").replace(" ", ",").split(",") if d)
    text = TimingText(once, every, cron, at, days, start, end, zone)
    with open_app(home) as opened:
        now = opened.schedule_now()
        schedule = set_schedule(opened.store, name, profile, parse_timing(text, now), now)
        _show(show_schedule(opened.store, schedule, now), as_json=as_json)


@schedule_app.command("show")
def schedule_show(name: Name, profile: ChosenProfile = None, home: Home = None, *, as_json: Json = False) -> None:
    """Show when a profile runs by itself, with its next five times."""
    _next(name, profile, home, 5, as_json=as_json)


@schedule_app.command("next")
def schedule_next(
    name: Name,
    profile: ChosenProfile = None,
    count: Annotated[int, typer.Option(min=1, max=1_000, help="Times to show")] = 5,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the next times at which a profile runs by itself."""
    _next(name, profile, home, count, as_json=as_json)


@schedule_app.command("list")
def schedule_list(home: Home = None, *, as_json: Json = False) -> None:
    """List every schedule, the one that is due first first."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.schedules import list_schedules  # noqa: PLC0415

    with open_app(home) as opened:
        rows = list_schedules(opened.store, opened.schedule_now())
    if as_json:
        say_json({"count": len(rows), "rows": rows})
        return
    shown = [
        {"connector": r["connector"], "profile": r["profile"], "next": _next_of(r), "when": r["words"]} for r in rows
    ]
    render_rows(shown, empty="No schedule yet. Set one with: riskbridge schedule set NAME --every 1d --at 06:00")


@schedule_app.command("pause")
def schedule_pause(name: Name, profile: ChosenProfile = None, home: Home = None, *, as_json: Json = False) -> None:
    """Let nothing run by the schedule until it is resumed."""
    from riskbridge.schedules import pause_schedule, show_schedule  # noqa: PLC0415

    with open_app(home) as opened:
        now = opened.schedule_now()
        schedule = pause_schedule(opened.store, name, profile, now)
        _show(show_schedule(opened.store, schedule, now), as_json=as_json)


@schedule_app.command("resume")
def schedule_resume(name: Name, profile: ChosenProfile = None, home: Home = None, *, as_json: Json = False) -> None:
    """Let a paused schedule go on with its next time."""
    from riskbridge.schedules import resume_schedule, show_schedule  # noqa: PLC0415

    with open_app(home) as opened:
        now = opened.schedule_now()
        schedule = resume_schedule(opened.store, name, profile, now)
        _show(show_schedule(opened.store, schedule, now), as_json=as_json)


@schedule_app.command("remove")
def schedule_remove(name: Name, profile: ChosenProfile = None, home: Home = None, *, as_json: Json = False) -> None:
    """Forget the schedule of a profile."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.schedules import remove_schedule  # noqa: PLC0415

    with open_app(home) as opened:
        remove_schedule(opened.store, name, profile)
    say({"connector": name, "removed": True}, f"'{name}' runs when it is told to, and not by itself.", as_json=as_json)


@app.command()
def pause(name: Name, home: Home = None, *, as_json: Json = False) -> None:
    """Stop a connector's run at its next step and keep what was read."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.steering import pause as pause_run  # noqa: PLC0415

    with open_app(home) as opened:
        pause_run(opened, name)
    text = f"The run stops at its next step; it goes on with: riskbridge resume {name!r}"
    say({"connector": name, "state": "pausing"}, text, as_json=as_json)


@app.command()
def cancel(name: Name, home: Home = None, *, as_json: Json = False) -> None:
    """End a connector's run at its next step; nothing of it is published."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.steering import cancel as cancel_run  # noqa: PLC0415

    with open_app(home) as opened:
        cancel_run(opened, name)
    text = "The run ends at its next step, and nothing of it is published."
    say({"connector": name, "state": "cancelling"}, text, as_json=as_json)


@app.command()
def resume(name: Name, home: Home = None, *, as_json: Json = False) -> None:
    """Let a paused run go on where it was, and show its progress."""
    from riskbridge.cli.progress import show_progress  # noqa: PLC0415
    from riskbridge.cli.render import record_as_dict, render_run, say_json  # noqa: PLC0415
    from riskbridge.steering import resume as resume_run  # noqa: PLC0415

    with open_app(home) as opened, show_progress(as_json=as_json) as progress:
        record = resume_run(opened, name, progress)
    if as_json:
        say_json(record_as_dict(record))
    else:
        render_run(record)


def _next(name: str, profile: str | None, home: Any, count: int, *, as_json: bool) -> None:
    from riskbridge.schedules import get_schedule, show_schedule  # noqa: PLC0415

    with open_app(home) as opened:
        schedule = get_schedule(opened.store, name, profile)
        _show(show_schedule(opened.store, schedule, opened.schedule_now(), count=count), as_json=as_json)


def _show(shown: dict[str, Any], *, as_json: bool) -> None:
    from riskbridge.cli.render import say_json  # noqa: PLC0415

    if as_json:
        say_json(shown)
        return
    typer.echo(f"Profile '{shown['profile']}' of '{shown['connector']}' runs {shown['words']}.")
    if not shown["next"]:
        typer.echo(f"No time is next: {_next_of(shown)}.")
    for row in shown["next"]:
        typer.echo(f"  {row['local'].replace('T', ' ')}")
    typer.echo("It runs while this home is served: riskbridge serve")


def _next_of(shown: dict[str, Any]) -> str:
    if shown["next"]:
        return str(shown["next"][0]["local"]).replace("T", " ")
    if shown["is_paused"]:
        return "it is paused"
    return "it is over" if shown["is_profile_active"] else "its profile is inactive"
