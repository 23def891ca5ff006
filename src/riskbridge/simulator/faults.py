"""What can go wrong on purpose: faults that are armed for a path, a request of it, and a number of times."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

from riskbridge.errors import InputError

KINDS = {
    "truncate-page": "half of the body, then the connection closes short of the stated length",
    "connection-reset": "the connection is reset before any answer",
    "not-json": "an HTML page with status 200",
    "bad-json-tail": "a page whose JSON breaks off in the middle of a record, though the HTTP answer is whole",
    "html-502": "an HTML page of a proxy with status 502",
    "server-500": "status 500 without a message",
    "throttle": "status 429 with Retry-After of `seconds`",
    "slow": "the answer comes `seconds` late",
    "token-expired": "status 401; every token issued until now is refused from then on",
    "missing-role": "status 403, as if the token had no roles",
    "endless-next-link": "the next link names the same page again",
    "foreign-host-next-link": "the next link names `host`",
    "bad-records": "records that break the contract stand among the good ones",
    "throttle-cpu": "status 429 for the processor time used, with Retry-After of `seconds`",
    "transient-404": "status 404, as if there were no such thing",
    "missing-licence": "status 403, as a tenant without Vulnerability Management answers",
    "group-limited": "the list of devices shows one device group alone",
    "empty-export": "the list of export files is empty",
    "snapshot-changes": "a newer snapshot takes the place of the one that is being read",
    "zero-byte-file": "an export file of no bytes",
    "rows-shift": "a device near the top of the list is patched before the page is made",
    "filtered-disagrees": "a filtered page lacks its last row",
    "damaged-file": "half of an export file, as if it were all",
}
PATHS = (
    "machines",
    "machinesVulnerabilities",
    "vulnerabilities",
    "machineVulnerabilities",
    "softwareVulnerabilitiesByMachine",
    "softwareVulnerabilitiesExport",
    "softwareVulnerabilityChangesByMachine",
    "softwareInventoryByMachine",
    "softwareInventoryExport",
    "findByTag",
    "exportFile",
    "token",
)


@dataclass(slots=True)
class Fault:
    """One armed fault.

    Attributes:
        kind: One of `KINDS`.
        path: One of `PATHS`.
        page: Requests of the path since it was armed, from 0, that pass before it strikes; None strikes at once.
        times: How often it strikes; None for ever.
        seconds: Length of `slow` and `throttle`.
        host: Where `foreign-host-next-link` points.
    """

    kind: str
    path: str
    page: int | None = None
    times: int | None = 1
    seconds: float = 1.0
    host: str = "https://elsewhere.example.test"
    seen: int = 0

    @classmethod
    def from_json(cls, values: Any) -> Fault:
        """A fault from its JSON form.

        Raises:
            InputError: `simulator.bad-fault`: an unknown kind, path or member.
        """
        known = {f.name for f in fields(cls)} - {"seen"}
        ok = isinstance(values, dict) and values.keys() <= known
        if not ok or values.get("kind") not in KINDS or values.get("path") not in PATHS:
            raise InputError(
                f"The simulator cannot arm the fault {json.dumps(values)}.",
                code="simulator.bad-fault",
                remedy=f"Give a kind of {', '.join(KINDS)} and a path of {', '.join(PATHS)}.",
            )
        return cls(**values)


@dataclass(slots=True)
class Faults:
    """The armed faults; the first that meets a request strikes."""

    armed: list[Fault] = field(default_factory=list)

    def arm(self, values: Any) -> int:
        """Arm a fault from its JSON form; gives the number of armed ones. `InputError` when it is none."""
        self.armed.append(Fault.from_json(values))
        return len(self.armed)

    def clear(self) -> None:
        """Disarm all."""
        self.armed.clear()

    def take(self, path: str) -> Fault | None:
        """The fault that strikes this request of a path; counts the request for every fault of the path."""
        struck = None
        for fault in [f for f in self.armed if f.path == path]:
            is_due = fault.page is None or fault.seen >= fault.page
            fault.seen += 1
            if struck is None and is_due:
                struck = fault
                fault.times = None if fault.times is None else fault.times - 1
        self.armed = [f for f in self.armed if f.times is None or f.times > 0]
        return struck


_MACHINE = {"computerDnsName": "broken.example.test", "lastSeen": "2026-11-20T17:40:05Z"}
_FINDING = {
    "cveId": "CVE-2021-44228",
    "machineId": "d" * 40,
    "fixingKbId": None,
    "productName": "log4j",
    "productVendor": "apache",
    "productVersion": "2.14.1.0",
    "severity": "Critical",
}
BAD_RECORDS: dict[str, tuple[Any, ...]] = {
    "machines": (
        _MACHINE,
        _MACHINE | {"id": None},
        _MACHINE | {"id": "b" * 40, "osBuild": "abc"},
        _MACHINE | {"id": "c" * 40, "ipAddresses": "10.0.0.1"},
        _MACHINE | {"id": "d" * 40, "aNewField": {"deep": [1, "two"]}},
        "not an object",
    ),
    "machinesVulnerabilities": (
        _FINDING,
        _FINDING | {"id": None},
        _FINDING | {"id": "bad-1", "machineId": None},
        _FINDING | {"id": "bad-2", "cveId": "HOUSE-RULE-7"},
        _FINDING | {"id": "bad-3", "cveId": None},
        _FINDING | {"id": "bad-4", "machineId": "e" * 40},
        _FINDING | {"id": "bad-5", "productVersion": 7},
        _FINDING | {"id": "bad-6", "aNewField": True},
        "not an object",
    ),
    "vulnerabilities": (
        {"name": "CVE-2021-44228"},
        {"id": None},
        {"id": "CVE-2099-0001", "cvssV3": "high"},
        {"id": "CVE-2099-0002", "aNewField": [1]},
        {"id": 5},
    ),
}
"""Records that break the contract, by stream: no id, a null id, mistyped or unknown members, unknown devices."""


def with_bad_records(stream: str, page: bytes) -> bytes:
    """A page (the inside of a JSON array) with the stream's bad records after its own, its first row repeated last."""
    bad = [json.dumps(r, separators=(",", ":")).encode() for r in BAD_RECORDS.get(stream, ())]
    own = json.loads(b"[" + page + b"]")
    repeated = [json.dumps(own[0], ensure_ascii=False, separators=(",", ":")).encode()] if own else []
    return b",".join([page, *bad, *repeated] if page else bad)
