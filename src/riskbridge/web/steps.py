"""The wizard's steps and the fields that each holds, for a connector of a tenant and for one of files."""

from __future__ import annotations

from typing import Final, Literal, get_args

from riskbridge.model.connector import Strategy

Step = Literal["basics", "model", "map", "profile", "scoring", "rules", "review"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)
LABELS: Final[dict[Step, str]] = {
    "basics": "Basic details",
    "model": "Data model",
    "map": "Transform map",
    "profile": "Profile",
    "scoring": "Scoring",
    "rules": "Identification rules",
    "review": "Review & confirm",
}
_LOGIN = (
    *("name", "description", "cloud", "tenant_id", "client_id", "client_secret", "login_url", "api_url", "audience"),
    *("certificate", "federated_token_file", "managed_identity", "ca_bundle", "proxy", "secret_expires_on"),
    "calls_per_minute",
)
FILES = ("format", "findings", "assets", "source_name", "reader", "delimiter", "qualifier", "encoding", "takes")
"""Texts that say which files, and how they are written."""
_PROFILE = ("profile_name", "profile_description", "transform_map")
TEXTS: Final[dict[str, dict[Step, tuple[str, ...]]]] = {
    "connector": {
        "basics": _LOGIN,
        "map": ("transform_map",),
        "profile": (*_PROFILE, "device_filter", "finding_filter", "strategy", "page_size"),
    },
    "file": {
        "basics": ("name", "description", *FILES),
        "model": ("findings_model", "assets_model"),
        "map": ("transform_map",),
        "profile": _PROFILE,
    },
}
"""Fields that are texts, by the kind of draft and step."""
TICKS: Final[dict[str, dict[Step, tuple[str, ...]]]] = {
    "connector": {"basics": ("retain_missing",), "profile": ("has_software", "is_active")},
    "file": {"basics": ("retain_missing", "has_header"), "profile": ("is_active",)},
}
"""Fields that are boxes to tick."""
_OWN: Final[dict[Step, tuple[str, ...]]] = {"scoring": ("score_map",), "rules": ("rules",), "profile": ("schedule",)}
BEGINNINGS: Final[dict[str, dict[str, object]]] = {
    "connector": {
        "cloud": "commercial",
        "strategy": Strategy.AUTO.value,
        "is_active": True,
        "profile_name": "default",
        "transform_map": "defender",
    },
    "file": {
        "format": "csv",
        "reader": "auto",
        "delimiter": "auto",
        "qualifier": '"',
        "encoding": "auto",
        "takes": "all",
        "has_header": True,
        "is_active": True,
        "profile_name": "default",
    },
}
"""What a draft begins with."""
REVIEWED: Final[dict[str, tuple[tuple[str, Step, tuple[str, ...]], ...]]] = {
    "connector": (
        (
            "Connection",
            "basics",
            (
                *("name", "description", "cloud", "tenant_id", "client_id", "login_url", "api_url", "audience"),
                *("certificate", "ca_bundle", "proxy", "retain_missing"),
            ),
        ),
        (
            "Profile",
            "profile",
            (*_PROFILE, "device_filter", "finding_filter", "strategy", "has_software", "is_active", "page_size"),
        ),
    ),
    "file": (
        ("Files", "basics", ("name", "description", *FILES, "has_header", "retain_missing")),
        ("Data model and map", "model", ("findings_model", "assets_model", "transform_map")),
        ("Profile", "profile", ("profile_name", "profile_description", "is_active")),
    ),
}
"""What the last step shows, each part with the step that changes it."""


def faulty_steps(kind: str, faults: dict[str, str]) -> set[str]:
    """The steps that hold a field with a fault."""
    return {
        step
        for step in STEPS
        for name in (*TEXTS[kind].get(step, ()), *TICKS[kind].get(step, ()), *_OWN.get(step, ()))
        if name in faults
    }
