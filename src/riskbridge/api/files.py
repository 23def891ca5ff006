"""Connectors of files over REST: the formats there are, a look at files, the connection test, adding and changing one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.api.access import Asked, Served
from riskbridge.api.connectors import require_unchanged, show
from riskbridge.api.etag import IfMatch, tag_of
from riskbridge.api.plain import Values
from riskbridge.api.shapes import CheckShown, ConnectorShown, Rows
from riskbridge.file_setup import (
    add_connector,
    change_connector,
    list_formats,
    look_at_files,
    plan_change,
    plan_connector,
)
from riskbridge.model.file_settings import UPLOAD, FileSettings, file_settings_of, parse_delimiter
from riskbridge.security.file_folders import FileFolders
from riskbridge.service import Service

router = APIRouter(tags=["files"])
_Path = Annotated[str, Field(min_length=1, max_length=4_000)]
_Paths = Annotated[list[_Path], Field(max_length=100, description="Paths on the server, globs, or `upload:NAME`")]
_Word = Annotated[str, Field(max_length=64)]
_Text = Annotated[str, Field(max_length=2_000)]
_EXAMPLE: dict[str, JsonValue] = {"name": "nessus", "format": "tenable", "findings": ["upload:nessus.csv"]}


class FilesShape(BaseModel):
    """Which files, as what, and how they are written."""

    model_config = ConfigDict(extra="forbid")

    findings: Annotated[_Paths, Field(min_length=1)]
    assets: _Paths = []
    format: Annotated[_Word, Field(description="A name of `/file-formats`; empty with a data model of one's own")] = ""
    findings_model: _Word = ""
    assets_model: _Word = ""
    reader: Annotated[_Word, Field(description="auto, csv, jsonl or parquet")] = "auto"
    delimiter: Annotated[_Word, Field(description="comma, semicolon, tab, pipe, one character, or auto")] = "auto"
    qualifier: Annotated[str, Field(max_length=1, description="Around texts; empty for none")] = '"'
    encoding: _Word = "auto"
    has_header: bool = True
    takes: Annotated[_Word, Field(description="all, or newest")] = "all"
    source_name: Annotated[str, Field(max_length=100, description="Of the inventory; the format's where empty")] = ""

    def settings(self) -> FileSettings:
        """As settings.

        Raises:
            InputError: `file.bad-settings`.
        """
        values = {name: getattr(self, name) for name in FilesShape.model_fields}
        return file_settings_of(values | {"delimiter": parse_delimiter(self.delimiter)})


class FileConnectorShape(FilesShape):
    """A connector of files and its profile as a person sets them up."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: _Text = ""
    transform_map: Annotated[_Word, Field(description="The format's own where empty")] = ""
    retain_missing: bool = False


class FileConnectorEdit(BaseModel):
    """What of a connector of files is changed; members that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)] = ""
    description: _Text = ""
    retain_missing: bool = False
    findings: Annotated[_Paths, Field(min_length=1)] = []
    assets: _Paths = []
    format: _Word = ""
    findings_model: _Word = ""
    assets_model: _Word = ""
    reader: _Word = ""
    delimiter: _Word = ""
    qualifier: Annotated[str, Field(max_length=1)] = ""
    encoding: _Word = ""
    has_header: bool = True
    takes: _Word = ""
    source_name: Annotated[str, Field(max_length=100)] = ""


class FormatShown(BaseModel):
    """A ready-made format; of each group in `needs` one column must be there."""

    name: str
    title: str
    source_name: str
    description: str
    findings_model: str
    assets_model: str | None
    transform_map: str
    needs: list[list[str]]


class LookShown(BaseModel):
    """The beginning of a file: fields it has, columns left out, fields it lacks, first rows, and what would be refused."""

    name: str
    columns: list[str]
    unknown: list[str]
    missing: list[str]
    rows: list[Values]
    refused: list[str]


@router.get("/file-formats")
def show_formats(_: Asked) -> Rows[FormatShown]:
    """The ready-made formats of files."""
    return Rows.of([FormatShown.model_validate(f) for f in list_formats()])


@router.post("/files/look")
def look(_: Asked, service: Served, shape: FilesShape) -> dict[str, list[LookShown]]:
    """The columns and first rows of files as a run would read them, by stream; nothing is stored."""
    require_paths(service, shape.settings())
    found = look_at_files(service.app, shape.settings())
    return {stream: [LookShown.model_validate(asdict(one)) for one in looks] for stream, looks in found.items()}


@router.post("/file-connectors", status_code=status.HTTP_201_CREATED)
def add(caller: Asked, service: Served, shape: FileConnectorShape, response: Response) -> ConnectorShown:
    """Save a connector of files and its profile, once the files were looked at."""
    app = service.app.acting_as(caller.account.name)
    return show(service, add_connector(app, *_planned(service, shape)), response)


@router.post("/file-connectors/test")
def check_unsaved(_: Asked, service: Served, shape: FileConnectorShape) -> CheckShown:
    """Look at the files of a connector that is not saved; nothing is stored."""
    connector, _profile = _planned(service, shape)
    report = service.app.check_connector(connector)
    return CheckShown.model_validate({"ok": report.is_ok, "items": [asdict(i) for i in report.items]})


@router.patch("/file-connectors/{name}")
def change(
    caller: Asked, service: Served, name: str, edit: FileConnectorEdit, response: Response, if_match: IfMatch = None
) -> ConnectorShown:
    """Change a connector of files; where that touches what is read, once the files were looked at."""
    app = service.app.acting_as(caller.account.name)
    before = app.store.get_connector(name)
    require_unchanged(service, app.store, before, if_match)
    changes = edit.model_dump(exclude_unset=True)
    if "delimiter" in changes:
        changes["delimiter"] = parse_delimiter(changes["delimiter"])
    after = plan_change(before, changes)
    if after.file is not None:
        require_paths(service, after.file, before.file)
    with service.editing(caller.account.name) as store:
        require_unchanged(service, store, store.get_connector(before.name), tag_of(asdict(before)))
        return show(service, change_connector(app, before, after), response)


def require_paths(service: Service, settings: FileSettings, before: FileSettings | None = None) -> None:
    """Raise for paths that callers over the network may not name; those that a connector reads already may stay.

    Raises:
        InputError: `file.not-allowed`, `file.bad-path`.
    """
    kept = (*before.findings, *before.assets) if before is not None else ()
    paths = (*settings.findings, *settings.assets)
    named = [("The path", path) for path in paths if not path.startswith(UPLOAD)]
    FileFolders.of(service.app.settings).require(named, kept=kept)


def _planned(service: Served, shape: FileConnectorShape) -> Any:
    require_paths(service, shape.settings())
    return plan_connector(
        service.app,
        shape.name,
        shape.settings(),
        transform_map=shape.transform_map,
        description=shape.description,
        retain_missing=shape.retain_missing,
    )
