"""The calls that each of Defender's endpoints allows, by the stream it serves.

Source: the page of each endpoint. Where one states nothing, nothing is waited for ahead of the service's own refusal.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from riskbridge.model.source_model import (
    MACHINES,
    MACHINES_VULNERABILITIES,
    SOFTWARE_INVENTORY,
    VULNERABILITIES,
    VULNERABILITIES_BY_MACHINE,
    VULNERABILITIES_EXPORT,
    VULNERABILITY_CHANGES,
)
from riskbridge.source.budget import UNSTATED, Limit
from riskbridge.source.defender.links import PATHS

_MACHINES, _EXPORT = Limit(100, 1500), Limit(30, 1000)
QUOTAS = {
    MACHINES.stream: _MACHINES,
    MACHINES_VULNERABILITIES.stream: UNSTATED,
    VULNERABILITIES.stream: UNSTATED,
    VULNERABILITIES_BY_MACHINE.stream: _EXPORT,
    VULNERABILITY_CHANGES.stream: _EXPORT,
    SOFTWARE_INVENTORY.stream: _EXPORT,
    VULNERABILITIES_EXPORT.stream: Limit(5, 20),
}
"""What each stream's endpoint allows."""

_ENDPOINTS = {path.lower(): stream for stream, path in PATHS.items()}


def endpoint_of(url: str) -> str:
    """The stream whose endpoint the address is of; the path itself where it is of none."""
    path = urlsplit(url).path.rstrip("/").replace("/api/v1.0/", "/api/", 1)
    return _ENDPOINTS.get(path.lower(), path)
