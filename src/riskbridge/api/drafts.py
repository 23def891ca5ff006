"""Drafts over REST: what a person began to set up, tested, and saved as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from riskbridge.api import connectors as over_api
from riskbridge.api.access import Asked, Caller, Served
from riskbridge.api.draft_kinds import PROFILE, field_name, given_values, kind_of
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.plain import Values
from riskbridge.api.schedules import TimingShape
from riskbridge.api.score_maps import ScoreMapShape
from riskbridge.api.shapes import CheckShown, ConnectorShown, MatchesShown, Rows
from riskbridge.drafts import (
    begin_draft,
    change_draft,
    delete_draft,
    get_draft,
    is_checked,
    keep_checks,
    list_drafts,
    mark_of,
)
from riskbridge.errors import InputError
from riskbridge.model.connector import Connector
from riskbridge.model.draft import Draft
from riskbridge.model.schedule import Timing
from riskbridge.model.score_map import ScoreMap, ScoreMapRow
from riskbridge.schedules import parse_timing, set_schedule
from riskbridge.service import Service

if TYPE_CHECKING:
    from riskbridge.identity.rules import Rule

router = APIRouter(tags=["drafts"])


class DraftShape(BaseModel):
    """Something begun: `values` by the names of a connector's and a profile's fields; secrets are taken and never given.

    Of kind `connector` it becomes a connector of a tenant, of kind `file` one of files, whose `findings` and `assets` may be
    lists of paths or texts with commas.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Field(max_length=40)] = "connector"
    values: Annotated[dict[str, JsonValue], Field(max_length=200)] = {}


class DraftEdit(BaseModel):
    """Values to keep; those left out stay as they are, null takes one away."""

    model_config = ConfigDict(extra="forbid")

    values: Annotated[dict[str, JsonValue], Field(max_length=200)]


class FinishShape(BaseModel):
    """Whether the first run begins at once."""

    model_config = ConfigDict(extra="forbid")

    run: bool = True


class DraftShown(BaseModel):
    """A draft as its owner sees it: never a secret, but which are kept."""

    draft_id: str
    kind: str
    values: Values
    secrets: list[str]
    is_tested: Annotated[bool, Field(description="Whether the connection test passed with the values as they are")]
    checks: CheckShown | None
    created_at: str
    changed_at: str


def show_draft(draft: Draft) -> DraftShown:
    """A draft as its owner sees it."""
    return DraftShown(
        draft_id=draft.draft_id,
        kind=draft.kind,
        values=draft.values,
        secrets=sorted(draft.secrets),
        is_tested=is_checked(draft, kind_of(draft).tested),
        checks=CheckShown.model_validate(draft.checks) if draft.checks else None,
        created_at=draft.created_at.isoformat(),
        changed_at=draft.changed_at.isoformat(),
    )


def find_faults(draft: Draft) -> dict[str, str]:
    """What is wrong with each field as it is typed so far, by its name; empty where a connector can be made of it."""
    faults: dict[str, str] = {}
    for shape, names in kind_of(draft).shapes:
        try:
            shape.model_validate(given_values(draft, shape, names))
        except ValidationError as error:
            for found in error.errors():
                is_missing = found["type"] in ("missing", "too_short")
                faults[field_name(names, str(found["loc"][0]))] = "Is needed." if is_missing else found["msg"]
    try:
        parse_draft_rules(draft)
    except InputError as error:
        faults["rules"] = f"{error.message} {error.remedy}"
    try:
        parse_draft_score_map(draft)
    except InputError as error:
        faults["score_map"] = f"{error.message} {error.remedy}"
    try:
        parse_draft_timing(draft, datetime.now(UTC))
    except InputError as error:
        faults["schedule"] = f"{error.message} {error.remedy}"
    return faults


def parse_draft_score_map(draft: Draft) -> ScoreMap | None:
    """The score map that a draft describes; None for the suggested one.

    Raises:
        InputError: `score-map.bad`.
    """
    given = draft.values.get("score_map")
    if given is None:
        return None
    try:
        shape = ScoreMapShape.model_validate(given)
    except ValidationError as error:
        told = "; ".join(f"{' '.join(str(p) for p in f['loc'])}: {f['msg']}" for f in error.errors()[:5])
        raise InputError(told, code="score-map.bad", remedy="Fill in whole numbers, QDS from 0 to 100.") from error
    rows = tuple(ScoreMapRow(r.severity, tuple(r.source_values), r.qds) for r in shape.rows)
    return ScoreMap(rows, shape.default_severity)


def parse_draft_timing(draft: Draft, now: datetime) -> Timing | None:
    """When the profile that a draft describes runs by itself; None for never.

    Raises:
        InputError: `schedule.*`.
    """
    given = draft.values.get("schedule")
    if given is None:
        return None
    try:
        shape = TimingShape.model_validate(given)
    except ValidationError as error:
        raise InputError(
            f"The schedule cannot be read: {error.errors()[0]['msg']}.",
            code="schedule.bad-timing",
            remedy="Give one of once, every and cron, and what goes with it.",
        ) from error
    return parse_timing(shape.to_text(), now)


def parse_draft_rules(draft: Draft) -> tuple[Rule, ...] | None:
    """The identification rules that a draft describes, in order; None for the built-in ones.

    Raises:
        InputError: `identity.rule`, `identity.rules`, `identity.no-rule`.
    """
    from riskbridge.matching import parse_rules  # noqa: PLC0415 - loads Ibis

    rows = draft.values.get("rules")
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(
            "The rules are no list.", code="identity.rules", remedy="Give a list of rules with name, attributes, is_on."
        )
    return parse_rules(rows)


def require_complete(draft: Draft) -> None:
    """Raise what is missing or cannot be.

    Raises:
        InputError: `draft.incomplete`, field by field.
    """
    if faults := find_faults(draft):
        told = "; ".join(f"{name}: {fault}" for name, fault in sorted(faults.items()))
        raise InputError(
            f"The connector cannot be made of this yet. {told}",
            code="draft.incomplete",
            remedy="Complete those fields; everything else is kept.",
        )


def check_draft(service: Service, draft: Draft) -> Draft:
    """Test the connection of a draft, and keep what the test says.

    Raises:
        RiskbridgeError: `draft.incomplete`, `cloud.unknown`, `filter.*`, `file.*`: there is nothing to test yet.
    """
    kind = kind_of(draft)
    require_complete(_named(draft))
    return keep_checks(service.app, draft, kind.tested, kind.check(service, draft))


def finish_draft(service: Service, draft: Draft, actor: str, *, is_run: bool) -> Connector:
    """Save everything that a draft describes, forget the draft, and begin the first run if wanted.

    All of it is checked before anything is saved. The connection is tested once more, for permissions and files may have
    changed since.

    Raises:
        RiskbridgeError: `draft.incomplete`; `draft.untested`: the connection test has not passed with these values; what a
            connector, profile, map or filter refuses.
    """
    from riskbridge.matching import save_rules  # noqa: PLC0415 - loads Ibis

    app, kind = service.app.acting_as(actor), kind_of(draft)
    require_complete(draft)
    if not is_checked(draft, kind.tested):
        raise InputError(
            "The connection is not tested with these values yet, or the test did not pass.",
            code="draft.untested",
            remedy="Test the connection, mend what it names, then save.",
        )
    kind.check_rest(service, app, draft)
    timing, score_map = parse_draft_timing(draft, service.clock.now()), parse_draft_score_map(draft)
    connector = kind.save(service, app, draft, actor)
    if (rules := parse_draft_rules(draft)) is not None:
        save_rules(app.store, connector, rules)
    if score_map is not None:
        app.store.score_maps.save_score_map(connector, score_map)
    if timing is not None:
        set_schedule(app.store, connector.name, None, timing, service.clock.now())
    app.store.drafts.delete_draft(draft.account_id, draft.draft_id)
    if is_run:
        service.start_run(connector.name)
    return connector


def _named(draft: Draft) -> Draft:
    """The draft under some name, for what can be asked before it has one; profile and schedule are not looked at."""
    values = {
        n: v
        for n, v in draft.values.items()
        if n not in (*PROFILE, "schedule", "score_map", "rules") or n == "transform_map"
    }
    return replace(draft, values={"name": "draft", **values})


@router.get("/drafts")
def list_all(caller: Asked, service: Served) -> Rows[DraftShown]:
    """The caller's drafts, the one worked on last first."""
    return Rows.of([show_draft(d) for d in list_drafts(service.app, caller.account.account_id)])


@router.post("/drafts", status_code=status.HTTP_201_CREATED)
def begin(caller: Asked, service: Served, shape: DraftShape, response: Response) -> DraftShown:
    """Begin something; it is kept until it is saved or thrown away."""
    draft = begin_draft(service.app, caller.account.account_id, shape.kind, shape.values)
    return _answer(draft, response)


@router.get("/drafts/{draft_id}")
def show(caller: Asked, service: Served, draft_id: str, response: Response) -> DraftShown:
    """One of the caller's drafts."""
    return _answer(_draft(caller, service, draft_id), response)


@router.patch("/drafts/{draft_id}")
def change(
    caller: Asked, service: Served, draft_id: str, edit: DraftEdit, response: Response, if_match: IfMatch = None
) -> DraftShown:
    """Keep some values of a draft."""
    with service.editing(caller.account.name):
        draft = _draft(caller, service, draft_id)
        _require_unchanged(draft, if_match)
        return _answer(change_draft(service.app, draft, edit.values), response)


@router.delete("/drafts/{draft_id}", status_code=status.HTTP_204_NO_CONTENT)
def throw_away(caller: Asked, service: Served, draft_id: str, if_match: IfMatch = None) -> None:
    """Throw a draft away, with its secret."""
    _require_unchanged(_draft(caller, service, draft_id), if_match)
    delete_draft(service.app, caller.account.account_id, draft_id)


@router.post("/drafts/{draft_id}/test")
def test(caller: Asked, service: Served, draft_id: str, response: Response) -> DraftShown:
    """Test the connection of a draft; what the test says is kept with it."""
    return _answer(check_draft(service, _draft(caller, service, draft_id)), response)


@router.post("/drafts/{draft_id}/count")
def count(caller: Asked, service: Served, draft_id: str) -> MatchesShown:
    """Count what the filters of a draft would keep; asks the source, stores nothing."""
    return MatchesShown.model_validate(count_draft(service, _draft(caller, service, draft_id)))


@router.post("/drafts/{draft_id}/finish", status_code=status.HTTP_201_CREATED)
def finish(
    caller: Asked, service: Served, draft_id: str, shape: FinishShape, response: Response, if_match: IfMatch = None
) -> ConnectorShown:
    """Save everything that a draft describes, once its connection test has passed, and begin the first run."""
    draft = _draft(caller, service, draft_id)
    _require_unchanged(draft, if_match)
    saved = finish_draft(service, draft, caller.account.name, is_run=shape.run)
    return over_api.show(service, saved, response)


def count_draft(service: Service, draft: Draft) -> dict[str, Any]:
    """How many devices and findings the filters of a draft keep at its source.

    Raises:
        RiskbridgeError: `draft.incomplete`, `filter.*`; the source refuses or cannot be reached; `connector.no-tenant`.
    """
    require_complete(replace(draft, values={"name": "draft", **draft.values}))
    return kind_of(draft).count(service, draft)


def _draft(caller: Caller, service: Service, draft_id: str) -> Draft:
    return get_draft(service.app, caller.account.account_id, draft_id)


def _kept(draft: Draft) -> dict[str, Any]:
    return {"values": draft.values, "secrets": mark_of(draft, tuple(sorted(draft.secrets)))}


def _require_unchanged(draft: Draft, if_match: str | None) -> None:
    require_match(if_match, _kept(draft), "The draft", shown=show_draft(draft).model_dump())


def _answer(draft: Draft, response: Response) -> DraftShown:
    set_tag(response, _kept(draft))
    return show_draft(draft)
