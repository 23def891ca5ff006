"""Identification rules as a form holds them, in order, and what its buttons do to them; nothing is saved here."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData


def typed_rules(typed: FormData) -> list[dict[str, Any]]:
    """The rules that a form holds, in its order, after what its button does: `up:`, `down:` or `drop:` a rule, or `add` one."""
    names = [str(v) for v in typed.getlist("rule")]
    attributes = [[a for a in str(v).split(",") if a] for v in typed.getlist("rule_attributes")]
    chosen = {str(v) for v in typed.getlist("rule_on")}
    rules = [
        {"name": name, "attributes": own, "is_on": name in chosen} for name, own in zip(names, attributes, strict=False)
    ]
    verb, _, subject = str(typed.get("action", "")).partition(":")
    at = next((n for n, rule in enumerate(rules) if rule["name"] == subject), None)
    if verb in ("up", "down") and at is not None:
        other = max(0, min(len(rules) - 1, at + (-1 if verb == "up" else 1)))
        rules.insert(other, rules.pop(at))
    elif verb == "drop" and at is not None:
        del rules[at]
    elif verb == "add":
        rules.append(
            {
                "name": str(typed.get("new_rule", "")).strip(),
                "attributes": [str(v) for v in typed.getlist("new_attribute")],
                "is_on": True,
            }
        )
    return rules


def is_rule_edit(typed: FormData) -> bool:
    """Whether the form's button only changed the list that is shown."""
    return str(typed.get("action", "")).partition(":")[0] in ("up", "down", "drop", "add")
