"""What a person typed, and what is wrong with it, field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData

from riskbridge.api.shapes import DecisionShape
from riskbridge.errors import InputError, RiskbridgeError

S = TypeVar("S", bound=BaseModel)

_FIELD_OF_CODE = {
    "defender.wrong-secret": "client_secret",
    "defender.expired-secret": "client_secret",
    "defender.unknown-app": "client_id",
    "defender.unknown-tenant": "tenant_id",
    "connector.exists": "name",
    "connector.bad-name": "name",
    "profile.bad-name": "profile_name",
    "profile.exists": "profile_name",
    "cloud.unknown": "cloud",
    "map.unknown": "transform_map",
}


_STEP = re.compile(r"/wizard/[0-9a-f]{32}/[a-z]+")


class Missing(dict[str, Any]):
    """Values by name, None for those that are not there: a template asks for every field."""

    def __missing__(self, name: str) -> None:
        return None


@dataclass(slots=True)
class Form:
    """A form as typed: `values` go back into it, `faults` stand beside their fields ('' for those of none)."""

    values: dict[str, Any] = field(default_factory=Missing)
    faults: dict[str, str] = field(default_factory=Missing)

    @classmethod
    def of(cls, values: Mapping[str, Any], faults: Mapping[str, str] | None = None) -> Form:
        """A form with those values."""
        return cls(Missing(values), Missing(faults or {}))

    def blame(self, error: RiskbridgeError) -> None:
        """Put a failure beside the field it is of."""
        name = _FIELD_OF_CODE.get(error.code, "")
        if error.code.startswith("filter."):
            name = (
                "finding_filter"
                if self.values["finding_filter"] and not self.values["device_filter"]
                else "device_filter"
            )
        self.faults[name] = f"{error.message} {error.remedy}"


def validated(shape: type[S], values: Mapping[str, Any]) -> S:
    """What is typed, as the API takes it.

    Raises:
        InputError: `form.invalid`, with the first field that does not do and why.
    """
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = " ".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        raise InputError(
            f"{where}: {first['msg']}.", code="form.invalid", remedy="Mend it and send it again."
        ) from error


def typed_values(typed: FormData, texts: tuple[str, ...], ticks: tuple[str, ...] = ()) -> dict[str, Any]:
    """The texts that a form holds, without blanks around them, and whether each box is ticked."""
    values: dict[str, Any] = {name: str(typed[name]).strip() for name in texts if name in typed}
    return values | {name: name in typed for name in ticks}


def then_path(text: str) -> str:
    """Where to go on after something is kept: a step of the wizard; '' for an address of any other kind."""
    return text if _STEP.fullmatch(text) else ""


def decision_of(typed: FormData) -> DecisionShape:
    """The decision in a form: the verdict that was chosen, and what was written beside it.

    Raises:
        InputError: `decision.bad-form`: a day that is none, or a text too long.
    """
    values = {name: str(typed.get(name, "")).strip() for name in ("why", "owner", "due_on", "note", "accepted_until")}
    verdict = str(typed.get("verdict", ""))
    given: dict[str, Any] = {name: value for name, value in values.items() if value}
    if verdict != "accept":
        given.pop("accepted_until", None)
    flag = {"false-positive": "is_false_positive", "mitigated": "is_mitigated", "undo": "is_undone"}.get(verdict)
    try:
        return DecisionShape.model_validate(given | ({flag: True} if flag else {}))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{first['loc'][0]}: {first['msg']}.", code="decision.bad-form", remedy="Mend it and send it again."
        ) from error
