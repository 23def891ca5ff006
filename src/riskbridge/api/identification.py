"""Identification over REST: rules of a connector with a preview, what is ambiguous, merges, splits, the order of sources."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.identity_shapes import (
    Applied,
    JudgementApplied,
    JudgementShown,
    RankShown,
    RefusedMatch,
    RulesShown,
    Simulated,
)
from riskbridge.api.shapes import Rows
from riskbridge.service import Service

router = APIRouter(tags=["identification"])
Limit = Annotated[int, Query(description="Rows at most", ge=1, le=1_000)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Why = Annotated[str, Field(min_length=1, max_length=2_000)]


class RuleShape(BaseModel):
    """A rule: all of its attributes must agree; those of a built-in one may be left out."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1, max_length=60)]
    attributes: Annotated[list[_Name], Field(max_length=20)] | None = None
    is_on: bool = True


class RulesShape(BaseModel):
    """All rules of a connector, in order."""

    model_config = ConfigDict(extra="forbid")

    rules: Annotated[list[RuleShape], Field(max_length=200)]


class MergeShape(BaseModel):
    """Two assets to be put together."""

    model_config = ConfigDict(extra="forbid")

    asset_id: _Name
    other_id: _Name
    why: _Why


class SplitShape(BaseModel):
    """A source record to be taken from its asset; the source's own id of the device names it too."""

    model_config = ConfigDict(extra="forbid")

    asset_id: _Name
    record_id: _Name
    why: _Why


class UndoShape(BaseModel):
    """Why a merge or split is undone."""

    model_config = ConfigDict(extra="forbid")

    why: _Why


class RankShape(BaseModel):
    """The order of sources by attribute, `*` for every other: names of connectors, the one that counts most first."""

    model_config = ConfigDict(extra="forbid")

    order: Annotated[dict[_Name, list[_Name]], Field(max_length=50)]


@router.get("/connectors/{name}/identification", response_model=RulesShown)
def show_rules(_: Asked, service: Served, name: str, response: Response) -> dict[str, Any]:
    """A connector's rules in order, on or off, and of which attributes own ones may be made."""
    shown = _shown(service, name)
    set_tag(response, shown["rules"])
    return shown


@router.put("/connectors/{name}/identification", response_model=RulesShown)
def set_rules(
    caller: Asked, service: Served, name: str, shape: RulesShape, response: Response, if_match: IfMatch = None
) -> dict[str, Any]:
    """Set all rules of a connector; they hold from the next run on, or once identification is applied."""
    from riskbridge.matching import parse_rules, save_rules  # noqa: PLC0415 - loads Ibis

    with service.editing(caller.account.name) as store:
        connector = store.get_connector(name)
        _require(service, name, if_match)
        save_rules(store, connector, parse_rules([rule.model_dump() for rule in shape.rules]))
    return show_rules(caller, service, name, response)


@router.delete("/connectors/{name}/identification", response_model=RulesShown)
def reset_rules(
    caller: Asked, service: Served, name: str, response: Response, if_match: IfMatch = None
) -> dict[str, Any]:
    """Give a connector the built-in rules and their order again."""
    from riskbridge.matching import reset_rules as reset  # noqa: PLC0415

    with service.editing(caller.account.name) as store:
        connector = store.get_connector(name)
        _require(service, name, if_match)
        reset(store, connector)
    return show_rules(caller, service, name, response)


@router.post("/connectors/{name}/identification/simulate", response_model=Simulated)
def simulate_rules(
    _: Asked, service: Served, name: str, shape: RulesShape, samples: Annotated[int, Query(ge=0, le=200)] = 20
) -> dict[str, Any]:
    """What other rules would merge and split on the stored records; nothing is saved."""
    from riskbridge.identification import simulate  # noqa: PLC0415
    from riskbridge.matching import parse_rules  # noqa: PLC0415

    rules = parse_rules([rule.model_dump() for rule in shape.rules])
    with service.reading() as app:
        return simulate(app, {app.store.get_connector(name).connector_id: rules}, samples=samples)


@router.post("/identification/apply", response_model=Applied, response_model_exclude_unset=True)
def apply_rules(caller: Asked, service: Served) -> dict[str, Any]:
    """Identify the stored records anew by the rules as they are, and publish what differs; no source is called."""
    from riskbridge.identification import apply_identification  # noqa: PLC0415

    with service.changing(caller.account.name) as app:
        return apply_identification(app)


@router.get("/identification/ambiguous", response_model=Rows[RefusedMatch])
def list_refused(_: Asked, service: Served, limit: Limit = 50) -> dict[str, Any]:
    """Matches that were refused, those of most records first: rule, values, why, and some of the records."""
    from riskbridge.identification import list_ambiguous  # noqa: PLC0415

    with service.reading() as app:
        rows = list_ambiguous(app, limit=limit)
    return {"count": len(rows), "rows": rows}


@router.get("/identification/judgements", response_model=Rows[JudgementShown])
def list_judged(
    _: Asked,
    service: Served,
    limit: Limit = 100,
    *,
    is_all: Annotated[bool, Query(description="Undone ones too")] = False,
) -> dict[str, Any]:
    """What people merged and split, newest first."""
    from riskbridge.identification import list_judgements  # noqa: PLC0415

    rows = list_judgements(service.app, is_all=is_all, limit=limit)
    return {"count": len(rows), "rows": rows}


@router.post("/identification/merges", status_code=status.HTTP_201_CREATED, response_model=JudgementApplied)
def merge(caller: Asked, service: Served, shape: MergeShape) -> dict[str, Any]:
    """Put two assets together; every later run keeps them so."""
    from riskbridge.identification import merge_assets  # noqa: PLC0415

    with service.changing(caller.account.name) as app:
        return merge_assets(app, shape.asset_id, shape.other_id, shape.why)


@router.post("/identification/splits", status_code=status.HTTP_201_CREATED, response_model=JudgementApplied)
def split(caller: Asked, service: Served, shape: SplitShape) -> dict[str, Any]:
    """Take a source record from its asset; every later run keeps it away from the others."""
    from riskbridge.identification import split_asset  # noqa: PLC0415

    with service.changing(caller.account.name) as app:
        return split_asset(app, shape.asset_id, shape.record_id, shape.why)


@router.post("/identification/judgements/{judgement_id}/undo", response_model=JudgementApplied)
def undo(caller: Asked, service: Served, judgement_id: str, shape: UndoShape) -> dict[str, Any]:
    """Undo a merge or split; assets and decisions are as they were before it."""
    from riskbridge.identification import undo_judgement  # noqa: PLC0415

    with service.changing(caller.account.name) as app:
        return undo_judgement(app, judgement_id, shape.why)


@router.get("/identification/rank", response_model=RankShown)
def show_rank(_: Asked, service: Served, response: Response) -> dict[str, Any]:
    """The order of sources by attribute."""
    from riskbridge.matching import list_ranks  # noqa: PLC0415

    order = list_ranks(service.app.store)
    set_tag(response, order)
    return {"order": order}


@router.put("/identification/rank", response_model=RankShown)
def set_rank(
    caller: Asked, service: Served, shape: RankShape, response: Response, if_match: IfMatch = None
) -> dict[str, Any]:
    """Set the whole order of sources; what is left out has none. It holds from the next run on."""
    from riskbridge.matching import list_ranks, save_all_ranks  # noqa: PLC0415

    with service.editing(caller.account.name) as store:
        require_match(if_match, list_ranks(store), "The order of sources")
        save_all_ranks(store, shape.order)
    return show_rank(caller, service, response)


def _shown(service: Service, name: str) -> dict[str, Any]:
    from riskbridge.identity.rules import CHOOSABLE  # noqa: PLC0415
    from riskbridge.matching import list_rules, rules_as_rows  # noqa: PLC0415

    connector = service.app.store.get_connector(name)
    own = connector.connector_id in service.app.store.identification.list_rules()
    rules = rules_as_rows(list_rules(service.app.store, connector))
    return {"connector": connector.name, "is_own": own, "rules": rules, "attributes": list(CHOOSABLE)}


def _require(service: Service, name: str, if_match: str | None) -> None:
    shown = _shown(service, name)
    change = service.app.store.find_change("identification", shown["connector"])
    noun = f"The identification rules of '{shown['connector']}'"
    require_match(if_match, shown["rules"], noun, shown=shown, change=change)
