"""Data models over REST: what sources give, and what maps fill."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from riskbridge.api.access import Asked, Served
from riskbridge.data_models import list_models, show_model

router = APIRouter(tags=["data models"])


@router.get("/data-models")
def list_data_models(_: Asked, service: Served) -> dict[str, Any]:
    """Every data model: sources first, then the tables of the target."""
    rows = list_models(service.app.store)
    return {"count": len(rows), "rows": rows}


@router.get("/data-models/{name}")
def show_data_model(_: Asked, service: Served, name: str) -> dict[str, Any]:
    """One data model's fields: path, type, whether it may be null, meaning, example, and the tokens that search it."""
    return show_model(service.app.store, name)
