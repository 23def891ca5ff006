"""What a person typed, as the API's own shapes, and what is wrong with it, field by field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData

from riskbridge.api.shapes import ConnectorShape, DecisionShape
from riskbridge.errors import InputError, RiskbridgeError

FLAGS = ("has_software", "retain_missing")
_OPTIONAL = (
    "login_url",
    "api_url",
    "audience",
    "certificate",
    "ca_bundle",
    "proxy",
    "device_filter",
    "finding_filter",
    "page_size",
)
_FIELD_OF_CODE = {
    "defender.wrong-secret": "client_secret",
    "defender.expired-secret": "client_secret",
    "defender.unknown-app": "client_id",
    "defender.unknown-tenant": "tenant_id",
    "connector.exists": "name",
    "connector.bad-name": "name",
    "cloud.unknown": "cloud",
}


@dataclass(slots=True)
class ConnectorForm:
    """The connector form as typed: `values` go back into it, `faults` stand beside their fields ('' for none)."""

    values: dict[str, Any]
    faults: dict[str, str] = field(default_factory=dict)
    checks: dict[str, Any] | None = None

    @classmethod
    def empty(cls) -> ConnectorForm:
        """A form nobody has typed into."""
        return cls({"cloud": "commercial", "strategy": "paged"})

    @classmethod
    def of(cls, typed: FormData) -> ConnectorForm:
        """What was typed."""
        values: dict[str, Any] = {k: str(v).strip() for k, v in typed.items() if k not in ("csrf", "action")}
        return cls(values | {flag: flag in typed for flag in FLAGS})

    def to_shape(self) -> ConnectorShape | None:
        """The shape, or None with the faults filled in."""
        given = {k: v for k, v in self.values.items() if not (k in _OPTIONAL and v == "")}
        try:
            return ConnectorShape.model_validate(given)
        except ValidationError as error:
            for found in error.errors():
                self.faults[str(found["loc"][0])] = found["msg"]
            return None

    def blame(self, error: RiskbridgeError) -> None:
        """Put a failure beside the field it is of."""
        name = _FIELD_OF_CODE.get(error.code, "")
        if error.code.startswith("filter."):
            name = "device_filter" if self.values.get("device_filter") else "finding_filter"
        self.faults[name] = f"{error.message} {error.remedy}"


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
