"""Commands for transform maps: looked at, cloned, edited as text, saved in versions, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import ChosenProfile, Home, Json

map_app = typer.Typer(help="Transform maps: what becomes of every source field.", no_args_is_help=True)
app.add_typer(map_app, name="map")

Name = Annotated[str, typer.Argument(help="Map")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="That version; left out: the newest")]
File = Annotated[Path, typer.Argument(help="The map as TOML or JSON; - reads standard input")]


@map_app.command("list")
def map_list(home: Home = None, *, as_json: Json = False) -> None:
    """List maps with their newest version and who uses them."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.maps import list_summaries  # noqa: PLC0415

    with open_app(home) as opened:
        rows = list_summaries(opened.store)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        render_rows([{**r, "used_by": ", ".join(r["used_by"])} for r in rows], empty="")


@map_app.command("show")
def map_show(name: Name, version: Version = None, home: Home = None, *, as_json: Json = False) -> None:
    """Show a map row by row, and the versions there are."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.maps import find_map  # noqa: PLC0415
    from riskbridge.transform.plain import map_as_dict  # noqa: PLC0415

    with open_app(home) as opened:
        found = find_map(opened.store, name, version)
        versions = [
            {"version": v.version, "saved_at": v.saved_at.isoformat(), "saved_by": v.saved_by, "note": v.note}
            for v in opened.store.maps.list_versions(name)
        ]
    plain = map_as_dict(found)
    if as_json:
        say_json({**plain, "is_read_only": found.is_read_only, "versions": versions})
        return
    typer.echo(f"{found.name}/{found.version}: {found.description}")
    for stream in plain["stream"]:
        typer.echo(f"\n{stream['source']} > {stream['target']}")
        render_rows([_as_row(r) for r in stream["row"]], empty="It has no row.")
    render_rows(versions, empty="")


@map_app.command("clone")
def map_clone(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="Name of the copy")],
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Copy a map under another name, open to change."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.maps import clone_map  # noqa: PLC0415

    with open_app(home) as opened:
        saved = clone_map(opened.store, name, new_name)
    text = f"Saved {saved.label}. Edit it with: riskbridge map export {new_name}, then riskbridge map save"
    say({"name": saved.name, "version": saved.version}, text, as_json=as_json)


@map_app.command("new")
def map_new(
    name: Annotated[str, typer.Argument(help="Name of the map")],
    source: Annotated[list[str], typer.Option("--source", help="Source data model; may be repeated")],
    target: Annotated[list[str] | None, typer.Option("--target", help="Target table; may be repeated")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; left out: standard output")] = None,
    home: Home = None,
) -> None:
    """Write the beginning of a map for a data model, with a row for each field that goes by a known name."""
    from riskbridge.maps import draft_map  # noqa: PLC0415
    from riskbridge.transform.plain import plain_as_toml  # noqa: PLC0415

    with open_app(home) as opened:
        drafted = draft_map(opened.store, name, source, target or ["asset_draft", "detection_draft"])
    _write(plain_as_toml(drafted), output)


@map_app.command("check")
def map_check(file: File, home: Home = None, *, as_json: Json = False) -> None:
    """Check a map without saving it; every fault is told at once, with its row."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.maps import read_draft  # noqa: PLC0415

    with open_app(home) as opened:
        found = read_draft(opened.store, read_file(file))
    rows = sum(len(s.rows) for s in found.streams)
    text = f"'{found.name}' can be used: {rows} rows in {len(found.streams)} streams."
    say({"ok": True, "name": found.name, "streams": len(found.streams), "rows": rows}, text, as_json=as_json)


@map_app.command("save")
def map_save(
    file: File,
    note: Annotated[str, typer.Option(help="What to say of this version")] = "",
    based_on: Annotated[
        int | None,
        typer.Option(min=0, help="The version that was edited: refused when there is a newer one; 0: a new map"),
    ] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Save a map as a new version, once it is right; the next run uses it."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.maps import list_users, save_map  # noqa: PLC0415

    with open_app(home) as opened:
        saved = save_map(opened.store, read_file(file), note=note, expected=based_on)
        users = list_users(opened.store).get(saved.name, [])
    uses = f"Used by {', '.join(users)}." if users else "No profile uses it yet."
    values = {"name": saved.name, "version": saved.version, "used_by": users}
    say(values, f"Saved {saved.label}. {uses}", as_json=as_json)


@map_app.command("export")
def map_export(
    name: Name,
    version: Version = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; left out: standard output")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Write a map as text that can be edited and saved again."""
    from riskbridge.cli.render import say_json  # noqa: PLC0415
    from riskbridge.maps import find_map  # noqa: PLC0415
    from riskbridge.transform.plain import map_as_dict, map_as_toml  # noqa: PLC0415

    with open_app(home) as opened:
        found = find_map(opened.store, name, version)
    if as_json and output is None:
        say_json(map_as_dict(found))
    else:
        _write(map_as_toml(found), output)


@map_app.command("delete")
def map_delete(name: Name, home: Home = None, *, as_json: Json = False) -> None:
    """Delete a map that no profile uses; what it made stays explained."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.maps import delete_map  # noqa: PLC0415

    with open_app(home) as opened:
        delete_map(opened.store, name)
    say({"deleted": name}, f"Deleted the map '{name}'.", as_json=as_json)


@map_app.command("functions")
def map_functions(*, as_json: Json = False) -> None:
    """List what a row may do to its source values, with the arguments of each."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.transform.plain import describe_functions  # noqa: PLC0415

    rows = describe_functions()
    if as_json:
        say_json({"count": len(rows), "rows": rows})
        return
    render_rows(
        [
            {
                "function": r["name"],
                "arguments": ", ".join(f"{a['name']}{'' if a['required'] else '?'}" for a in r["arguments"]),
                "gives": r["gives"] or "as given",
                "does": r["description"],
            }
            for r in rows
        ],
        empty="",
    )


@map_app.command("preview")
def map_preview(
    which: Annotated[str, typer.Argument(metavar="MAP", help="A map's name, name/version, or a file with one")],
    connector: Annotated[str, typer.Option(help="Connector whose staged rows are shown")],
    source: Annotated[str | None, typer.Option(help="Source data model; left out: the first with rows")] = None,
    target: Annotated[str | None, typer.Option(help="Target table; left out: the source's first")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Rows to show")] = 3,
    offset: Annotated[int, typer.Option(min=0, help="Rows to pass before")] = 0,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """See a map at work on rows that a run has staged, field by field."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.workbench import preview_map  # noqa: PLC0415

    with open_app(home) as opened:
        draft = _draft(which)
        shown = preview_map(opened, connector, draft, source=source, target=target, limit=limit, offset=offset)
    if as_json:
        say_json(shown)
        return
    typer.echo(f"{shown['source']} > {shown['target']}, of {shown['staged']:,} rows of run {shown['run_id'][:8]}")
    for row in shown["rows"]:
        told = f": {row['reason']}, {row['detail']}" if row["reason"] else ""
        typer.echo(f"\npage {row['page']} row {row['row']} is a {row['outcome']}{told}")
        fields = [{"from": _told(f["from"]), "to": f["target"], "result": _one(f["result"])} for f in row["fields"]]
        render_rows(fields, empty="")


@map_app.command("diff")
def map_diff(
    which: Annotated[str, typer.Argument(metavar="MAP", help="A map's name, name/version, or a file with one")],
    connector: Annotated[str, typer.Option(help="Connector whose staged rows are mapped")],
    before: Annotated[str | None, typer.Option(help="What it is compared with; left out: the profile's map")] = None,
    source: Annotated[str | None, typer.Option(help="Source data model; left out: all with rows")] = None,
    examples: Annotated[int, typer.Option(min=1, max=50, help="Examples of each difference")] = 3,
    rows: Annotated[int | None, typer.Option(min=1, help="Rows of each stream to look at; left out: all")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """See what a map would change on rows that runs have staged, before it is saved or used."""
    from riskbridge.cli.render import say_json  # noqa: PLC0415
    from riskbridge.workbench import compare  # noqa: PLC0415

    with open_app(home) as opened:
        was = None if before is None else _draft(before)
        found = compare(opened, connector, _draft(which), was, source=source, examples=examples, most_rows=rows)
    if as_json:
        say_json(found)
        return
    typer.echo(f"{found['before']} to {found['after']} on staged rows of '{found['connector']}'. Nothing was saved.")
    for stream in found["streams"]:
        _render_difference(stream)


@app.command()
def remap(
    connector: Annotated[str, typer.Argument(help="Connector")],
    profile: ChosenProfile = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Map anew, by the profile's map as it is now, everything that runs have staged; the source is not asked."""
    from riskbridge.cli.progress import show_progress  # noqa: PLC0415
    from riskbridge.cli.render import record_as_dict, render_run, say_json  # noqa: PLC0415
    from riskbridge.workbench import remap as map_anew  # noqa: PLC0415

    with open_app(home) as opened, show_progress(as_json=as_json) as progress:
        record = map_anew(opened, connector, profile_name=profile, progress=progress)
    if as_json:
        say_json(record_as_dict(record))
    else:
        render_run(record)


def read_file(file: Path) -> str:
    """The text of a file, or of standard input for `-`.

    Raises:
        InputError: `map.unreadable-file`.
    """
    from riskbridge.errors import InputError  # noqa: PLC0415
    from riskbridge.transform.spec import LARGEST_TEXT  # noqa: PLC0415

    try:
        if str(file) == "-":
            return typer.get_text_stream("stdin").read(LARGEST_TEXT + 1)
        with file.open(encoding="utf-8-sig") as opened:
            return opened.read(LARGEST_TEXT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The file {file} cannot be read: {error}.",
            code="map.unreadable-file",
            remedy="Name a UTF-8 text file with a map, such as riskbridge map export writes.",
        ) from error


def _write(text: str, output: Path | None) -> None:
    from riskbridge.errors import InputError  # noqa: PLC0415

    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"The file {output} cannot be written: {error.strerror or error}.",
            code="map.unwritable-file",
            remedy="Choose another place with --output.",
        ) from error
    typer.echo(f"Written to {output}.")


def _as_row(row: dict[str, Any]) -> dict[str, Any]:
    given = row.get("from", "")
    known = ("from", "to", "type", "function", "identifier", "strict")
    arguments = ", ".join(f"{k}={v!r}" for k, v in row.items() if k not in known)
    marks = [word for word in ("identifier", "strict") if row.get(word)]
    return {
        "from": given if isinstance(given, str) else ", ".join(given),
        "function": f"{row.get('function', 'direct')}{f' ({arguments})' if arguments else ''}",
        "type": row["type"],
        "to": row["to"],
        "marks": ", ".join(marks),
    }


def _draft(which: str) -> Any:
    """A map by name, or out of a file where there is one of that path."""
    from riskbridge.transform.spec import read_text  # noqa: PLC0415
    from riskbridge.workbench import MapDraft  # noqa: PLC0415

    path = Path(which)
    is_file = which == "-" or path.suffix in (".toml", ".json") or path.is_file()
    return MapDraft(read_text(read_file(path)) if is_file else which)


def _render_difference(stream: dict[str, Any]) -> None:
    from riskbridge.cli.render import render_rows  # noqa: PLC0415

    part = "" if stream["is_whole"] else " (the first ones)"
    counts = "{draft:,} drafts, {reject:,} rejects, {passed:,} passed over"
    typer.echo(f"\n{stream['source']} > {stream['target']}: {stream['rows']:,} rows{part}")
    typer.echo(f"  before: {counts.format(**stream['before'])}")
    typer.echo(f"  after:  {counts.format(**stream['after'])}")
    typer.echo(f"  records that would be others (keys): {stream['identity']['changed']:,}")
    if "findings" in stream:
        f = stream["findings"]
        typer.echo(f"  severity changed: {stream['severity']['changed']:,}")
        typer.echo(
            f"  findings: {f['before']:,} to {f['after']:,}; {f['gone']:,} go, {f['new']:,} come, "
            f"{f['split']:,} split, {f['joined']:,} join"
        )
    render_rows(
        [
            {
                "field": field["target"],
                "changed": f"{field['changed']:,}",
                "emptied": f"{field['emptied']:,}",
                "filled": f"{field['filled']:,}",
                "for example": f"{_one(example['before'])} → {_one(example['after'])}",
            }
            for field in stream["fields"]
            for example in field["examples"][:1]
        ],
        empty="  No value differs.",
    )


def _told(values: dict[str, Any]) -> str:
    return ", ".join(f"{path}={_one(value)}" for path, value in values.items())


def _one(value: Any) -> str:
    return "-" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
