"""Uploads over REST: one file of a form, streamed into the home part by part."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from pydantic import BaseModel
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.shapes import Rows
from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.uploads import Receiving, Upload, delete_upload, get_upload, list_uploads

router = APIRouter(tags=["files"])
PATH = "/uploads"
_Name = Annotated[str | None, Query(max_length=200, description="Its name here; else the file's own")]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class UploadShown(BaseModel):
    """An uploaded file; connectors name it by its `path`. `sha256` is empty in lists."""

    name: str
    path: str
    size_bytes: int
    sha256: str
    at: datetime


@router.get(PATH)
def show_uploads(_: Asked, service: Served) -> Rows[UploadShown]:
    """What was uploaded and is there, by name."""
    return Rows.of([UploadShown.model_validate(u.as_dict()) for u in list_uploads(service.app)])


@router.post(PATH, status_code=status.HTTP_201_CREATED, openapi_extra=_BODY)
async def upload(request: Request, caller: Asked, service: Served, name: _Name = None) -> UploadShown:
    """Take a file of a form, up to `largest_upload_mib`, in place of one of its name."""
    app = service.app.acting_as(caller.account.name)
    form = _Form(app, request.headers.get("content-type", ""), name)
    try:
        async for part in request.stream():
            await run_in_threadpool(form.feed, part)
        made = await run_in_threadpool(form.finish)
    finally:
        await run_in_threadpool(form.close)
    return UploadShown.model_validate(made.as_dict())


@router.get(PATH + "/{name}")
def show_upload(_: Asked, service: Served, name: str, response: Response) -> UploadShown:
    """One upload; its ETag is of the file as it is now."""
    found = get_upload(service.app, name).as_dict()
    set_tag(response, found)
    return UploadShown.model_validate(found)


@router.delete(PATH + "/{name}", status_code=status.HTTP_204_NO_CONTENT)
def delete(caller: Asked, service: Served, name: str, if_match: IfMatch = None) -> None:
    """Delete an upload that no connector reads."""
    app = service.app.acting_as(caller.account.name)
    with service.editing(caller.account.name) as store:
        found = get_upload(app, name)
        require_match(if_match, found.as_dict(), f"The upload '{name}'", change=store.find_change("upload", name))
        delete_upload(app, name)


class _Form:
    """A form as it arrives: the first part with a file name goes to the home, other parts are passed over."""

    def __init__(self, app: App, content_type: str, name: str | None) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise _malformed("it is no form with a file")
        self._app = app
        self._name = name
        self._receiving: Receiving | None = None
        self._made: Upload | None = None
        self._is_open = False
        self._header, self._value = b"", b""
        self._disposition = b""
        callbacks: dict[str, Any] = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._take_header,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._take_data,
            "on_part_end": self._end_part,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except FormParserError as error:
            raise _malformed(str(error)) from error

    def feed(self, part: bytes) -> None:
        """Take what came."""
        try:
            self._parser.write(part)
        except FormParserError as error:
            raise _malformed(str(error)) from error

    def finish(self) -> Upload:
        """The file that came; raises where none came whole."""
        if self._receiving is None or self._is_open:
            raise _malformed("it holds no file" if self._receiving is None else "it is cut off")
        self._made = self._receiving.finish()
        return self._made

    def close(self) -> None:
        """Leave no trace of what did not come whole."""
        if self._receiving is not None and self._made is None:
            self._receiving.give_up()

    def _begin_part(self) -> None:
        self._disposition = b""

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        given = options.get(b"filename")
        if given is not None and self._receiving is None:
            own = given.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
            self._receiving, self._is_open = Receiving(self._app, self._name or own), True

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_open and self._receiving is not None:
            self._receiving.write(data[start:end])

    def _end_part(self) -> None:
        self._is_open = False


def _malformed(why: str) -> InputError:
    return InputError(
        f"The upload cannot be taken: {why}.",
        code="upload.malformed",
        remedy="Send multipart/form-data with one file, as curl -F file=@NAME does.",
    )
