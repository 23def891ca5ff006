"""Commands that look ahead: what filters keep, and what the next run takes."""

from __future__ import annotations

from typing import Annotated

import typer

from riskbridge.cli.commands import app, connector_app, open_app
from riskbridge.cli.options import ChosenProfile, Home, Json, TriedFilter


@connector_app.command("count")
def connector_count(
    name: str,
    device_filter: TriedFilter = None,
    finding_filter: TriedFilter = None,
    profile: ChosenProfile = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Count what filters keep, without saving them."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.preview import chosen_profile, count_matches  # noqa: PLC0415

    with open_app(home) as opened:
        connector, chosen = chosen_profile(opened, name, device_filter, finding_filter, profile_name=profile)
        found = count_matches(opened, connector, chosen)
    devices, findings = (
        f"{'' if found[f'is_{noun}_whole'] else 'more than '}{found[noun]:,}" for noun in ("devices", "findings")
    )
    note = "" if found["is_findings_of_devices"] else " (of all devices: Defender cannot count them by device)"
    say(found, f"{devices} devices and {findings} findings match{note}.", as_json=as_json)


@app.command()
def forecast(
    name: Annotated[str, typer.Argument(help="Connector")],
    profile: ChosenProfile = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Foretell the calls and the least time of the next run, from the last one and the API's limits."""
    from dataclasses import asdict  # noqa: PLC0415

    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.preview import chosen_profile, forecast_run  # noqa: PLC0415

    with open_app(home) as opened:
        rows = [
            asdict(line)
            for line in forecast_run(opened, *chosen_profile(opened, name, None, None, profile_name=profile))
        ]
    if as_json:
        say_json({"count": len(rows), "rows": rows, "least_s": max((r["least_s"] for r in rows), default=0.0)})
    else:
        render_rows([{k: "unknown" if v is None else v for k, v in r.items()} for r in rows], empty="Nothing to read.")
