"""Score maps over REST: what a connector's words of severity stand for where there is no CVE."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.scoring import Moved
from riskbridge.model.score_map import ScoreMap, ScoreMapRow
from riskbridge.rescoring import change_score_map
from riskbridge.store.config.score_maps import plain_map
from riskbridge.store.config.store import ConfigStore

router = APIRouter(tags=["score maps"])
_EXAMPLE: dict[str, JsonValue] = plain_map(ScoreMap())


class ScoreMapRowShape(BaseModel):
    """One severity: words of the source that mean it, and the QDS it gives."""

    model_config = ConfigDict(extra="forbid")

    severity: Annotated[int, Field(ge=-1_000, le=1_000, description="1 lowest to 5 highest")]
    source_values: Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=1_000)]
    qds: Annotated[int, Field(ge=-100_000, le=100_000, description="0 to 100")]


class ScoreMapShape(BaseModel):
    """Five rows, one a severity, and the severity of words in none of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    rows: Annotated[list[ScoreMapRowShape], Field(max_length=100)]
    default_severity: Annotated[int, Field(ge=-1_000, le=1_000)] = 3


class ScoreMapShown(ScoreMapShape):
    """A connector's score map; `is_own` is false where it is the suggested one, `rescored` what a change moved."""

    connector: str
    is_own: bool
    rescored: Moved | None = None


@router.get("/connectors/{name}/score-map")
def show_score_map(_: Asked, service: Served, name: str, response: Response) -> ScoreMapShown:
    """The score map of a connector: its own, or the suggested one."""
    return _answer(service.app.store, name, response)


@router.put("/connectors/{name}/score-map")
def save_score_map(
    caller: Asked, service: Served, name: str, shape: ScoreMapShape, response: Response, if_match: IfMatch = None
) -> ScoreMapShown:
    """Keep a map of the connector's own, and score its findings without a CVE anew; every fault is told at once."""
    rows = tuple(ScoreMapRow(r.severity, tuple(r.source_values), r.qds) for r in shape.rows)
    score_map = ScoreMap(rows, shape.default_severity)
    with service.changing(caller.account.name) as app:
        _require(app.store, name, if_match)
        moved = change_score_map(app, name, score_map)
        return _answer(app.store, name, response, moved)


@router.delete("/connectors/{name}/score-map")
def reset_score_map(
    caller: Asked, service: Served, name: str, response: Response, if_match: IfMatch = None
) -> ScoreMapShown:
    """Take the suggested map again, and score anew."""
    with service.changing(caller.account.name) as app:
        _require(app.store, name, if_match)
        moved = change_score_map(app, name, None)
        return _answer(app.store, name, response, moved)


def _require(store: ConfigStore, name: str, if_match: str | None) -> None:
    connector = store.get_connector(name)
    change = store.find_change("score-map", connector.name)
    require_match(if_match, _shown(store, name), f"The score map of '{connector.name}'", change=change)


def _answer(store: ConfigStore, name: str, response: Response, moved: dict[str, int] | None = None) -> ScoreMapShown:
    shown = _shown(store, name)
    set_tag(response, shown)
    return shown.model_copy(update={"rescored": None if moved is None else Moved.model_validate(moved)})


def _shown(store: ConfigStore, name: str) -> ScoreMapShown:
    connector = store.get_connector(name)
    own = store.score_maps.find_score_map(connector.connector_id)
    values = plain_map(own or ScoreMap())
    return ScoreMapShown.model_validate({**values, "connector": connector.name, "is_own": own is not None})
