"""Commands for score maps: what a connector's words of severity stand for where there is no CVE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import ConnectorName, Home, Json

score_map_app = typer.Typer(help="Score maps of connectors, for findings without a CVE.", no_args_is_help=True)
app.add_typer(score_map_app, name="score-map")


@score_map_app.command("show")
def score_map_show(connector: ConnectorName, home: Home = None, *, as_json: Json = False) -> None:
    """Show a connector's score map: its own, or the suggested one."""
    with open_app(home) as opened:
        found = opened.store.get_connector(connector)
        own = opened.store.score_maps.find_score_map(found.connector_id)
    _show(found.name, own, as_json=as_json)


@score_map_app.command("set")
def score_map_set(
    connector: ConnectorName,
    row: Annotated[
        list[str] | None,
        typer.Option(help="SEVERITY=QDS:VALUE,VALUE… such as 5=95:Critical,Urgent; other rows stay. May be repeated"),
    ] = None,
    default: Annotated[int | None, typer.Option(help="Severity of words in no row")] = None,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON as `show --json` prints it, in place of all rows"),
    ] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Keep a score map of the connector's own, and score its findings without a CVE anew."""
    from riskbridge.model.score_map import ScoreMap  # noqa: PLC0415
    from riskbridge.rescoring import change_score_map  # noqa: PLC0415

    with open_app(home) as opened:
        found = opened.store.get_connector(connector)
        before = opened.store.score_maps.find_score_map(found.connector_id) or ScoreMap()
        score_map = _read(file) if file is not None else _with_rows(before, row or [], default)
        moved = change_score_map(opened, connector, score_map)
    _show(found.name, score_map, as_json=as_json, moved=moved)


@score_map_app.command("reset")
def score_map_reset(connector: ConnectorName, home: Home = None, *, as_json: Json = False) -> None:
    """Take the suggested score map again, and score anew."""
    from riskbridge.rescoring import change_score_map  # noqa: PLC0415

    with open_app(home) as opened:
        found = opened.store.get_connector(connector)
        moved = change_score_map(opened, connector, None)
    _show(found.name, None, as_json=as_json, moved=moved)


def _show(name: str, own: Any, *, as_json: bool, moved: dict[str, int] | None = None) -> None:
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.model.score_map import ScoreMap  # noqa: PLC0415
    from riskbridge.store.config.score_maps import plain_map  # noqa: PLC0415

    values = plain_map(own or ScoreMap())
    if as_json:
        say_json({"connector": name, "is_own": own is not None, **values, "rescored": moved})
        return
    rows = [{**r, "source_values": ", ".join(r["source_values"])} for r in values["rows"]]
    render_rows(rows, empty="")
    typer.echo(f"Other words are severity {values['default_severity']}. {'Its own.' if own else 'As suggested.'}")
    if moved is not None:
        typer.echo(f"Scored anew: {moved['findings']:,} findings and {moved['assets']:,} assets moved.")


def _with_rows(before: Any, rows: list[str], default: int | None) -> Any:
    from riskbridge.model.score_map import ScoreMap, ScoreMapRow  # noqa: PLC0415

    changed = [_parse(text) for text in rows]
    told = {row.severity for row in changed}
    kept = [row for row in before.rows if row.severity not in told]
    all_rows = tuple(ScoreMapRow(*row) if isinstance(row, tuple) else row for row in [*changed, *kept])
    return ScoreMap(all_rows, before.default_severity if default is None else default)


def _parse(text: str) -> Any:
    import re  # noqa: PLC0415

    from riskbridge.errors import InputError  # noqa: PLC0415
    from riskbridge.model.score_map import ScoreMapRow  # noqa: PLC0415

    found = re.fullmatch(r"\s*(-?\d{1,6})\s*=\s*(-?\d{1,6})\s*:(.*)", text)
    if found is None:
        raise InputError(
            f"'{text}' is no row.",
            code="score-map.bad-row",
            remedy="Write SEVERITY=QDS:VALUE,VALUE, such as 5=95:Critical.",
        )
    values = tuple(v.strip() for v in found[3].split(",") if v.strip())
    return ScoreMapRow(int(found[1]), values, int(found[2]))


def _read(file: Path) -> Any:
    import json  # noqa: PLC0415

    from riskbridge.errors import InputError  # noqa: PLC0415
    from riskbridge.model.score_map import ScoreMap, ScoreMapRow  # noqa: PLC0415

    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        rows = tuple(
            ScoreMapRow(int(r["severity"]), tuple(map(str, r["source_values"])), int(r["qds"])) for r in told["rows"]
        )
        default = int(told.get("default_severity", 3))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(
            f"{file} holds no score map: {error}.",
            code="score-map.bad-file",
            remedy="Begin with what this prints: riskbridge score-map show CONNECTOR --json",
        ) from error
    return ScoreMap(rows, default)
