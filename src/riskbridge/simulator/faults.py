"""What can go wrong on purpose: faults that are armed for a path, a request of it, and a number of times."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

KINDS = frozenset(
    {
        "truncate-page",
        "not-json",
        "html-502",
        "server-500",
        "throttle",
        "token-expired",
        "missing-role",
        "connection-reset",
        "endless-next-link",
        "foreign-host-next-link",
        "bad-records",
    }
)


@dataclass(slots=True)
class Fault:
    """One armed fault; `page` counts requests of the path from 0 since it was armed, None meets every one."""

    kind: str
    path: str
    page: int | None = None
    times: int = 1
    seen: int = 0


@dataclass(slots=True)
class Faults:
    """The armed faults."""

    armed: list[Fault] = field(default_factory=list)

    def arm(self, values: dict[str, Any]) -> None:
        """Arm a fault from its JSON form; `ValueError` when there is none of the kind."""
        if values.get("kind") not in KINDS:
            raise ValueError(f"there is no fault '{values.get('kind')}'; there are: {', '.join(sorted(KINDS))}")
        allowed = {k: v for k, v in values.items() if k in ("kind", "path", "page", "times")}
        self.armed.append(Fault(**allowed))

    def take(self, path: str) -> str | None:
        """The kind of the fault that meets this request; counts it."""
        for fault in self.armed:
            if fault.path != path or fault.times <= 0:
                continue
            place = fault.seen
            fault.seen += 1
            if fault.page is None or place >= fault.page:
                fault.times -= 1
                return fault.kind
        return None


def bad_records(stream: str, good: bytes) -> bytes:
    """Records that break the contract, put before the good ones of a page (the inside of a JSON array)."""
    machine = {"computerDnsName": "broken.example.test", "lastSeen": "2026-11-20T17:40:05Z"}
    row = {"cveId": "CVE-2021-44228", "productName": "log4j", "productVendor": "apache", "productVersion": "2.14"}
    broken: dict[str, list[Any]] = {
        "machines": [
            machine,
            machine | {"id": None},
            machine | {"id": "b" * 40, "osBuild": "abc"},
            machine | {"id": "c" * 40, "ipAddresses": "10.0.0.1"},
            machine | {"id": "d" * 40, "aNewField": {"deep": 1}},
            "not an object",
        ],
        "machinesVulnerabilities": [
            row | {"id": "x1", "machineId": None},
            row | {"id": "x2", "machineId": "d" * 40, "cveId": "HOUSE-RULE-7"},
            row | {"id": "x3", "machineId": "d" * 40, "cveId": None},
            row | {"id": "x4", "machineId": "e" * 40},
            row | {"id": "x5", "machineId": "d" * 40},
            row | {"id": "x5", "machineId": "d" * 40},
            row | {"id": "x6", "machineId": "d" * 40, "productVersion": 7},
        ],
        "vulnerabilities": [{"id": 5}],
    }
    head = json.dumps(broken[stream]).encode()[1:-1]
    return head + b"," + good if good else head
