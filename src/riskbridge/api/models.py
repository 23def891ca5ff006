"""Data models over REST: what sources give, and what maps fill."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.files import FilesShape, require_paths
from riskbridge.api.model_shapes import Inferred, ModelShown, ModelSummary
from riskbridge.api.shapes import Rows
from riskbridge.data_models import find_source_model, list_models, show_model
from riskbridge.file_setup import delete_model, infer_from, save_model
from riskbridge.model.source_model import SourceModel
from riskbridge.store.config.store import ConfigStore

router = APIRouter(tags=["data models"])
_Name = Annotated[str, Field(min_length=1, max_length=64)]


class FieldShape(BaseModel):
    """A field of a data model: a column by its name, and of what kind its values are."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Annotated[str, Field(max_length=20)] = "string"
    description: Annotated[str, Field(max_length=2_000)] = ""
    example: Annotated[str, Field(max_length=2_000)] = ""
    required: bool = False


class ModelShape(BaseModel):
    """A data model of one's own."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    stream: _Name = "findings"
    description: Annotated[str, Field(max_length=2_000)] = ""
    fields: Annotated[list[FieldShape], Field(min_length=1, max_length=1_000)]


class InferShape(FilesShape):
    """A sample, of whose `findings` the first file is read, and what to call the data model."""

    name: _Name
    stream: _Name = "findings"


@router.get("/data-models", response_model=Rows[ModelSummary])
def list_data_models(_: Asked, service: Served) -> dict[str, Any]:
    """Every data model: sources first, then the tables of the target."""
    rows = list_models(service.app.store)
    return {"count": len(rows), "rows": rows}


@router.post("/data-models/infer", response_model=Inferred, response_model_exclude_unset=True)
def infer_data_model(_: Asked, service: Served, shape: InferShape) -> dict[str, Any]:
    """Make a data model from a sample, with what was found in each column; nothing is stored."""
    settings = shape.settings()
    require_paths(service, settings)
    found = infer_from(service.app, settings.findings[0], settings, shape.name, shape.stream)
    return {"model": found.model.as_dict(), "columns": [asdict(c) for c in found.columns], "rows": found.rows}


@router.post(
    "/data-models",
    status_code=status.HTTP_201_CREATED,
    response_model=ModelShown,
    response_model_exclude_unset=True,
)
def add_data_model(caller: Asked, service: Served, shape: ModelShape, response: Response) -> dict[str, Any]:
    """Keep a data model of one's own."""
    app = service.app.acting_as(caller.account.name)
    with service.editing(caller.account.name):
        return _show(app.store, save_model(app, shape.model_dump(), is_new=True), response)


@router.get("/data-models/{name}", response_model=ModelShown, response_model_exclude_unset=True)
def show_data_model(_: Asked, service: Served, name: str, response: Response) -> dict[str, Any]:
    """One data model's fields: path, type, whether it may be null, meaning, example, and the tokens that search it."""
    own = service.app.store.data_models.find_model(name)
    return show_model(service.app.store, name) if own is None else _show(service.app.store, own, response)


@router.put("/data-models/{name}", response_model=ModelShown, response_model_exclude_unset=True)
def change_data_model(
    caller: Asked, service: Served, name: str, shape: ModelShape, response: Response, if_match: IfMatch = None
) -> dict[str, Any]:
    """Keep a changed data model of one's own; maps that use it must still be right."""
    app = service.app.acting_as(caller.account.name)
    with service.editing(caller.account.name) as store:
        _require_unchanged(store, find_source_model(store, name), if_match)
        return _show(store, save_model(app, shape.model_dump() | {"name": name}), response)


@router.delete("/data-models/{name}", status_code=status.HTTP_204_NO_CONTENT)
def delete_data_model(caller: Asked, service: Served, name: str, if_match: IfMatch = None) -> None:
    """Delete a data model of one's own that nothing needs."""
    with service.editing(caller.account.name) as store:
        _require_unchanged(store, find_source_model(store, name), if_match)
        delete_model(service.app.acting_as(caller.account.name), name)


def _show(store: ConfigStore, model: SourceModel, response: Response) -> dict[str, Any]:
    set_tag(response, model.as_dict())
    return show_model(store, model.name)


def _require_unchanged(store: ConfigStore, model: SourceModel, if_match: str | None) -> None:
    require_match(
        if_match,
        model.as_dict(),
        f"The data model '{model.name}'",
        shown=show_model(store, model.name),
        change=store.find_change("model", model.name),
    )
