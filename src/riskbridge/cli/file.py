"""Commands for connectors of files, uploads, and data models made from samples."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskbridge.cli.commands import app, connector_app, open_app
from riskbridge.cli.model import model_app
from riskbridge.cli.options import Description, Home, Json, spread
from riskbridge.model.file_settings import UPLOAD, FileSettings, parse_delimiter

if TYPE_CHECKING:
    from riskbridge.source.protocol import CheckReport

upload_app = typer.Typer(help="Files kept in the home for connectors to read.", no_args_is_help=True)
app.add_typer(upload_app, name="upload")

file_app = typer.Typer(help="Files of other scanners: their formats, and a look into one.", no_args_is_help=True)
app.add_typer(file_app, name="file")


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How a file is written; None for what was left out."""

    reader: Annotated[str | None, typer.Option("--reader", help="auto, csv, jsonl or parquet")] = None
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="comma, semicolon, tab, pipe, one other character, or auto")
    ] = None
    qualifier: Annotated[str | None, typer.Option("--qualifier", help="Character around texts; '' for none")] = None
    encoding: Annotated[str | None, typer.Option("--encoding", help="auto, utf-8, utf-16, windows-1252 and others")] = (
        None
    )
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first row names the columns")
    ] = None

    def given(self) -> dict[str, Any]:
        """What was said, by the names of `FileSettings`."""
        return _said(
            reader=self.reader,
            delimiter=None if self.delimiter is None else parse_delimiter(self.delimiter),
            qualifier=self.qualifier,
            encoding=self.encoding,
            has_header=self.header,
        )


@dataclass(frozen=True, slots=True)
class FileOptions(ReadingOptions):
    """Which files, as what, and how they are written; None for what was left out."""

    findings: Annotated[
        list[str] | None,
        typer.Option("--findings", help="File with a row a finding: a path, a glob or upload:NAME; repeatable"),
    ] = None
    assets: Annotated[
        list[str] | None, typer.Option("--assets", help="File with a row a device, where there is one; repeatable")
    ] = None
    file_format: Annotated[
        str | None, typer.Option("--format", help="Ready-made format; riskbridge file formats lists them")
    ] = None
    model: Annotated[str | None, typer.Option("--model", help="Data model of findings, in place of a format's")] = None
    assets_model: Annotated[str | None, typer.Option("--assets-model", help="Data model of devices, likewise")] = None
    newest: Annotated[bool | None, typer.Option("--newest/--all", help="Of the files that match, the newest alone")] = (
        None
    )

    def given(self) -> dict[str, Any]:
        """What was said, by the names of `FileSettings`; paths from the root on."""
        paths = {"findings": self.findings, "assets": self.assets}
        takes = None if self.newest is None else "newest" if self.newest else "all"
        return ReadingOptions.given(self) | _said(
            **{name: None if some is None else [_whole(p) for p in some] for name, some in paths.items()},
            format=self.file_format,
            findings_model=self.model,
            assets_model=self.assets_model,
            takes=takes,
        )


@dataclass(frozen=True, slots=True)
class FileConnectorOptions(FileOptions):
    """A connector of files; None for what was left out."""

    transform_map: Annotated[str | None, typer.Option("--map", help="Transform map, in place of the format's own")] = (
        None
    )
    source_name: Annotated[
        str | None, typer.Option("--source-name", help="What the source is called in the inventory")
    ] = None
    description: Description = None
    retain_missing: Annotated[
        bool | None,
        typer.Option("--retain-missing/--close-missing", help="Keep the status of what a file does not name"),
    ] = None

    def given(self) -> dict[str, Any]:
        """What was said, by the names of `FileSettings`."""
        return FileOptions.given(self) | _said(source_name=self.source_name)


@file_app.command("formats")
def file_formats(*, as_json: Json = False) -> None:
    """List the ready-made formats."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.file_setup import list_formats  # noqa: PLC0415

    rows = list_formats()
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        render_rows([{k: r[k] for k in ("name", "title", "description")} for r in rows], empty="")


@file_app.command("look")
@spread
def file_look(
    options: FileOptions,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="First rows to show")] = 5,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the columns and first rows of files as a connector would read them; nothing is stored."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.file_setup import look_at_files  # noqa: PLC0415

    with open_app(home) as opened:
        found = look_at_files(opened, _settings(options), rows=rows)
    if as_json:
        say_json({stream: [asdict(look) for look in looks] for stream, looks in found.items()})
        return
    for stream, looks in found.items():
        for look in looks:
            unknown = f"; left out: {', '.join(look.unknown)}" if look.unknown else ""
            typer.echo(f"{stream}: {look.name} has {', '.join(look.columns)}{unknown}")
            render_rows(list(look.rows), empty="It has no row.")
            for wrong in look.refused:
                typer.echo(f"refused: {wrong}")


@connector_app.command("add-file")
@spread
def connector_add_file(
    name: Annotated[str, typer.Option(help="Unique name")],
    options: FileConnectorOptions,
    home: Home = None,
    *,
    skip_test: Annotated[bool, typer.Option(help="Save without looking at the files")] = False,
    as_json: Json = False,
) -> None:
    """Add a connector that reads files of another scanner, once they were looked at."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.file_connectors import source_name as named  # noqa: PLC0415
    from riskbridge.file_setup import plan_connector  # noqa: PLC0415

    with open_app(home) as opened:
        connector, profile = plan_connector(
            opened,
            name,
            _settings(options),
            transform_map=options.transform_map or "",
            description=options.description or "",
            retain_missing=bool(options.retain_missing),
        )
        opened.require_free_name(connector.name)
        if not skip_test:
            _require_looked_at(opened.check_connector(connector), as_json=as_json)
        opened.add_connector(connector, profile, client_secret="")
        say(
            {"connector": asdict(connector), "profile": asdict(profile), "state": "Registered"},
            f"Registered '{connector.name}' as {named(connector)}. Next: riskbridge run {connector.name!r}",
            as_json=as_json,
        )


@connector_app.command("change-file")
@spread
def connector_change_file(
    name: Annotated[str, typer.Argument(help="Connector")],
    options: FileConnectorOptions,
    new_name: Annotated[str | None, typer.Option("--name", help="Another name")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Change a connector of files, once they were looked at; what is not named stays."""
    from dataclasses import replace  # noqa: PLC0415

    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.file_setup import change_connector, plan_change  # noqa: PLC0415

    others = _said(name=new_name, description=options.description, retain_missing=options.retain_missing)
    with open_app(home) as opened:
        before = opened.store.get_connector(name)
        profile = opened.store.get_profile(before.connector_id, None)
        if options.transform_map is not None:
            profile = replace(profile, transform_map=options.transform_map)
        changed = change_connector(opened, before, plan_change(before, options.given() | others), profile)
        say(
            {"connector": asdict(changed), "state": opened.state_of(changed).value},
            f"Changed '{changed.name}'. Next: riskbridge run {changed.name!r}",
            as_json=as_json,
        )


@model_app.command("infer")
@spread
def model_infer(
    path: Annotated[str, typer.Argument(metavar="FILE", help="Sample: a path, or upload:NAME")],
    options: ReadingOptions,
    name: Annotated[str | None, typer.Option(help="What to call the model; else the file's name")] = None,
    stream: Annotated[str, typer.Option("--for", help="What a row is: findings or assets")] = "findings",
    home: Home = None,
    *,
    save: Annotated[bool, typer.Option("--save", help="Keep it at once, as it is")] = False,
    as_json: Json = False,
) -> None:
    """Make a data model from a sample; with --json it can be edited and saved with: riskbridge model save FILE."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.file_setup import infer_from, save_model  # noqa: PLC0415

    called = name or f"{_plain(Path(path.removeprefix(UPLOAD)).name.partition('.')[0])}.{stream}"
    with open_app(home) as opened:
        settings = _settings(options, findings=[_whole(path)])
        found = infer_from(opened, settings.findings[0], settings, called, stream)
        if save:
            save_model(opened, found.model.as_dict(), is_new=True)
    if as_json:
        say_json({"model": found.model.as_dict(), "columns": [asdict(c) for c in found.columns], "rows": found.rows})
        return
    typer.echo(f"{found.model.name}: {len(found.columns)} fields, from {found.rows:,} rows{'; saved' if save else ''}.")
    render_rows(
        [
            {
                "field": c.name,
                "kind": c.kind,
                "blanks": c.blanks,
                "distinct": c.distinct,
                "examples": " | ".join(c.examples),
            }
            for c in found.columns
        ],
        empty="",
    )


@model_app.command("save")
def model_save(
    file: Annotated[
        Path, typer.Argument(help="JSON of a data model, as model infer --json gives it; - is standard input")
    ],
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Keep a data model of your own, in place of one of its name."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.errors import InputError  # noqa: PLC0415
    from riskbridge.file_setup import save_model  # noqa: PLC0415

    try:
        values = json.loads(
            typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text(encoding="utf-8")
        )
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{file} holds no data model: {error}.",
            code="model.unreadable",
            remedy="Give JSON such as riskbridge model infer FILE --json makes.",
        ) from error
    values = values.get("model", values) if isinstance(values, dict) else {}
    with open_app(home) as opened:
        model = save_model(opened, values)
    say(model.as_dict(), f"Saved '{model.name}' with {len(model.fields)} fields.", as_json=as_json)


@model_app.command("delete")
def model_delete(
    name: Annotated[str, typer.Argument(help="A data model of your own")], home: Home = None, *, as_json: Json = False
) -> None:
    """Delete a data model of your own that nothing needs."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.file_setup import delete_model  # noqa: PLC0415

    with open_app(home) as opened:
        delete_model(opened, name)
    say({"deleted": name}, f"Deleted '{name}'.", as_json=as_json)


@upload_app.command("add")
def upload_add(
    file: Annotated[Path, typer.Argument(help="File to keep in the home")],
    name: Annotated[str | None, typer.Option(help="Its name there; else the file's")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Copy a file into the home, in place of one of its name; a connector reads it as upload:NAME."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.errors import InputError  # noqa: PLC0415
    from riskbridge.uploads import receive  # noqa: PLC0415

    try:
        with file.open("rb") as opened_file, open_app(home) as opened:
            made = receive(opened, name or file.name, iter(lambda: opened_file.read(1 << 20), b""))
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror}.",
            code="upload.unreadable",
            remedy="Name a file that you may read.",
        ) from error
    say(made.as_dict(), f"Kept as upload:{made.name} ({made.size_bytes:,} bytes).", as_json=as_json)


@upload_app.command("list")
def upload_list(home: Home = None, *, as_json: Json = False) -> None:
    """List the files that were uploaded."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.uploads import list_uploads  # noqa: PLC0415

    with open_app(home) as opened:
        rows = [{k: v for k, v in u.as_dict().items() if k != "sha256"} for u in list_uploads(opened)]
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        render_rows(rows, empty="No upload yet. Add one with: riskbridge upload add FILE")


@upload_app.command("delete")
def upload_delete(name: str, home: Home = None, *, as_json: Json = False) -> None:
    """Delete an upload that no connector reads."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.uploads import delete_upload  # noqa: PLC0415

    with open_app(home) as opened:
        delete_upload(opened, name)
    say({"deleted": name}, f"Deleted '{name}'.", as_json=as_json)


def _said(**values: Any) -> dict[str, Any]:
    """What was not left out."""
    return {name: value for name, value in values.items() if value is not None}


def _settings(options: ReadingOptions, **more: Any) -> FileSettings:
    from riskbridge.model.file_settings import file_settings_of  # noqa: PLC0415

    return file_settings_of({"findings": [], **options.given(), **more})


def _whole(path: str) -> str:
    """A path from the root on, so that it means the same wherever the next run is started."""
    return path if path.startswith(UPLOAD) else str(Path(path).expanduser().absolute())


def _plain(name: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in name.lower()).strip("-_")
    return kept[:40] or "sample"


def _require_looked_at(report: CheckReport, *, as_json: bool) -> None:
    from riskbridge.cli.render import render_check  # noqa: PLC0415

    if not as_json:
        render_check(report)
    report.require_passed()
