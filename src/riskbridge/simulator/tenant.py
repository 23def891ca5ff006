"""A tenant made from a seed: any number of devices, each page of rows rendered when it is asked for.

Only what a device has installed is kept in memory (a few bytes each); rows are rendered by putting the device's id into
the bytes prepared for each release.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from itertools import accumulate
from typing import Any

from riskbridge.simulator.catalogue import CLIENT, KB_PRODUCTS, LINUX, SERVER, Release, load_cves, load_releases

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
"""The tenant's clock: it stands still, so that two readings are of the same world."""

_ID = "\x00"
_NAMES = ("wks", "LAPTOP", "büro", "東京", "srv", "DESKTOP", "qa", "münchen")
_PLATFORMS = (
    ("Windows11", "24H2", 26100, "windows_11", CLIENT),
    ("Windows10", "22H2", 19045, "windows_10", CLIENT),
    ("Windows11", "23H2", 22631, "windows_11", CLIENT),
    ("WindowsServer2019", "1809", 17763, "windows_server_2019", SERVER),
    ("WindowsServer2022", "21H2", 20348, "windows_server_2022", SERVER),
    ("Ubuntu", "22.4", 6, "", LINUX),
    ("RedHatEnterpriseLinux", "9.5", None, "", LINUX),
)
_DISCOVERED = ("CanBeOnboarded", "Unsupported", "InsufficientInfo")


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A release's rows: whole, and one by one, with a NUL where the device's id goes."""

    release: Release
    rows: tuple[bytes, ...]
    joined: bytes


class Tenant:
    """The simulated world. Not for more than one thread.

    Args:
        devices: Devices, duplicates and merely discovered ones included.
        findings_per_device: Mean rows of an onboarded device.
        seed: The same seed makes the same tenant.
    """

    def __init__(self, *, devices: int, findings_per_device: int, seed: int) -> None:
        self._seed = seed
        self._mean = findings_per_device
        self._rendered = [_render(r) for releases in load_releases().values() for r in releases]
        self._index = {(r.release.product, r.release.version): n for n, r in enumerate(self._rendered)}
        self._order = list(range(devices))
        self._installed = [self._install(number) for number in range(devices)]
        self._strangers = max(1, devices // 5000) if devices >= 100 else 0
        self._seen_days = 0
        self._count_rows()

    # Reading

    @property
    def machine_count(self) -> int:
        """Devices."""
        return len(self._order)

    @property
    def finding_count(self) -> int:
        """Finding rows, those of unknown devices included."""
        return (self._ends[-1] if self._ends else 0) + self._strangers

    def machines(self, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """Devices in the service's order."""
        for number in self._order[start:stop]:
            yield self._machine(number)

    def find_machine(self, machine_id: str) -> dict[str, Any] | None:
        """The device of that id or name; None when there is none."""
        wanted = machine_id.lower()
        for machine in self.machines():
            if wanted in (machine["id"], str(machine["computerDnsName"]).lower()):
                return machine
        return None

    def findings_json(self, start: int, stop: int) -> bytes:
        """Finding rows from `start` to `stop` as the inside of a JSON array."""
        total = self._ends[-1] if self._ends else 0
        parts: list[bytes] = []
        place = bisect_right(self._ends, start)
        while place < len(self._order) and start < min(stop, total):
            first = self._ends[place - 1] if place else 0
            last = min(self._ends[place], stop)
            parts += self._rows_of(self._order[place], start - first, last - first)
            start = self._ends[place]
            place += 1
        for number in range(max(0, max(start, total) - total), max(0, min(stop, self.finding_count) - total)):
            parts.append(self._rendered[number % len(self._rendered)].rows[0].replace(b"\0", _stranger_id(number)))
        return b",".join(parts)

    def findings(self) -> Iterator[dict[str, Any]]:
        """Every finding row, one device at a time."""
        for start in range(0, self.finding_count, 2000):
            yield from json.loads(b"[" + self.findings_json(start, start + 2000) + b"]")

    def catalogue(self) -> list[dict[str, Any]]:
        """The CVE catalogue, by id."""
        exposed: dict[str, int] = {}
        return [_catalogue_row(cve, exposed.get(cve.id, 0)) for cve in load_cves()] + [_tvm_row()]

    def truth(self) -> dict[str, int]:
        """How much there is."""
        return {"machines": self.machine_count, "findings": self.finding_count, "strangers": self._strangers}

    # Changing the world

    def patch(self, machine_id: str, product: str | None) -> int:
        """Install what fixes a product (or all) on a device; gives the number of rows that are gone."""
        number = self._number(machine_id)
        before = self._installed[number]
        gone = [i for i in before if product in (None, self._rendered[i].release.product)]
        self._installed[number] = tuple(i for i in before if i not in gone)
        self._count_rows()
        return sum(len(self._rendered[i].rows) for i in gone)

    def upgrade(self, machine_id: str, product: str) -> int:
        """Install the next release of a product on a device; gives the number of rows of the new release."""
        number = self._number(machine_id)
        releases = [self._index[product, r.version] for r in load_releases()[product]]
        upgraded = [min(i + 1, releases[-1]) if i in releases else i for i in self._installed[number]]
        self._installed[number] = tuple(upgraded)
        self._count_rows()
        return sum(len(self._rendered[i].rows) for i in upgraded if i in releases)

    def remove_device(self, machine_id: str) -> None:
        """Take a device out of the tenant."""
        self._order.remove(self._number(machine_id))
        self._count_rows()

    def let_days_pass(self, days: int) -> None:
        """Every active device reports again, so many days later."""
        self._seen_days += days

    # Making it

    def _number(self, machine_id: str) -> int:
        for number in self._order:
            if _machine_id(self._seed, number) == machine_id:
                return number
        raise KeyError(machine_id)

    def _install(self, number: int) -> tuple[int, ...]:
        if self._kind(number) in ("discovered", "duplicate"):
            return ()
        rng = random.Random(f"{self._seed}/{number}/installed")  # noqa: S311 - a made world, not a secret
        *_, own, products = self._platform(number)
        wanted = rng.gauss(self._mean, self._mean / 3)
        names = ([own] if own else []) + rng.sample(products, len(products))
        chosen: list[int] = []
        rows = 0.0
        for name in names:
            releases = load_releases()[name]
            release = releases[min(rng.randrange(4), len(releases) - 1)]
            size = len(release.cves)
            if rows + size / 2 <= wanted or (not chosen and self._mean > 0 and number % 3 == 0):
                chosen.append(self._index[name, release.version])
                rows += size
        return tuple(chosen)

    def _count_rows(self) -> None:
        sizes = (sum(len(self._rendered[i].rows) for i in self._installed[n]) for n in self._order)
        self._ends = list(accumulate(sizes))

    def _rows_of(self, number: int, start: int, stop: int) -> list[bytes]:
        identity = _machine_id(self._seed, number).encode()
        rendered = [self._rendered[i] for i in self._installed[number]]
        size = sum(len(r.rows) for r in rendered)
        if start == 0 and stop == size:
            return [r.joined.replace(b"\0", identity) for r in rendered]
        rows = [row for r in rendered for row in r.rows]
        return [row.replace(b"\0", identity) for row in rows[start:stop]]

    def _kind(self, number: int) -> str:
        if number % 50 == 49:
            return "duplicate"
        if number % 23 == 11:
            return "discovered"
        return "inactive" if number % 31 == 7 else "excluded" if number % 97 == 3 else "active"

    def _platform(self, number: int) -> tuple[str, str, int | None, str, tuple[str, ...]]:
        return _PLATFORMS[random.Random(f"{self._seed}/{number}").randrange(len(_PLATFORMS))]  # noqa: S311

    def _machine(self, number: int) -> dict[str, Any]:
        kind = self._kind(number)
        if kind == "duplicate":
            return self._duplicate(number)
        rng = random.Random(f"{self._seed}/{number}/machine")  # noqa: S311
        platform, version, build, _, _ = self._platform(number)
        is_linux = platform in ("Ubuntu", "RedHatEnterpriseLinux")
        silent = timedelta(days=rng.randrange(8, 40)) if kind == "inactive" else timedelta(days=-self._seen_days)
        first_seen = NOW - timedelta(days=rng.randrange(40, 700), seconds=rng.randrange(86400))
        name = f"{_NAMES[number % len(_NAMES)]}-{number:05}"
        grouped = number % 4 == 1
        mac = f"7C1E52{number & 0xFFFFFF:06X}"
        is_onboarded = kind != "discovered"
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return {
            "id": _machine_id(self._seed, number),
            "mergedIntoMachineId": None,
            "isPotentialDuplication": False,
            "isExcluded": kind == "excluded",
            "exclusionReason": "MachineOutOfScope" if kind == "excluded" else None,
            "computerDnsName": name if number % 3 == 2 else f"{name}.corp.example.test",
            "firstSeen": _time(first_seen, rng.randrange(10**7)),
            "lastSeen": _time(NOW - silent - timedelta(minutes=rng.randrange(600)), rng.randrange(10**6)),
            "osPlatform": platform,
            "osVersion": None,
            "osProcessor": "x64",
            "version": version,
            "lastIpAddress": address,
            "lastExternalIpAddress": f"203.0.113.{number % 250}" if number % 5 else None,
            "agentVersion": "30.124092.2.0" if is_linux else f"10.8792.{build}.4061",
            "osBuild": build,
            "healthStatus": "Inactive" if kind == "inactive" else "Active",
            "deviceValue": rng.choice(("Normal", "Normal", "Normal", "High", "Low")),
            "rbacGroupId": 7458 if grouped else 0,
            "rbacGroupName": "Servers" if grouped else None,
            "riskScore": rng.choice(("None", "Informational", "Low", "Medium", "High")),
            "exposureLevel": rng.choice(("None", "Low", "Medium", "High")),
            "isAadJoined": None if is_linux else True,
            "aadDeviceId": None if is_linux or number % 11 == 0 else f"6f0c0f6e-0000-4000-8000-{number:012}",
            "machineTags": [[], ["finance"], [""], ["Käufer", "pilot"]][number % 4],
            "onboardingStatus": "Onboarded" if is_onboarded else _DISCOVERED[number % 3],
            "osArchitecture": "64-bit" if is_onboarded else None,
            "managedBy": "Unknown" if is_linux else "Intune",
            "managedByStatus": "Unknown",
            "ipAddresses": _addresses(address, mac, is_linux=is_linux, has_many=number % 17 == 0),
            "vmMetadata": _vm(self._seed, number) if number % 13 == 5 else None,
        }

    def _duplicate(self, number: int) -> dict[str, Any]:
        """The record that a re-imaged device left behind: its name and hardware address, another id, silent since."""
        machine = self._machine(number - 1)
        return machine | {
            "id": _machine_id(self._seed, number),
            "mergedIntoMachineId": machine["id"] if number % 100 == 99 else None,
            "isPotentialDuplication": True,
            "lastSeen": _time(NOW - timedelta(days=60), 0),
            "healthStatus": "Inactive",
            "computerDnsName": str(machine["computerDnsName"]).upper(),
        }


def _render(release: Release) -> _Rendered:
    rows = []
    for cve, severity in release.cves:
        kb = KB_PRODUCTS.get(release.product) if cve[4:8] >= "2023" else None
        row = {
            "id": f"{_ID}-_-{cve}-_-{release.vendor}-_-{release.product}-_-{release.version}-_-{kb or ''}",
            "cveId": cve,
            "machineId": _ID,
            "fixingKbId": kb,
            "productName": release.product,
            "productVendor": release.vendor,
            "productVersion": release.version,
            "severity": severity,
        }
        rows.append(json.dumps(row, separators=(",", ":")).replace("\\u0000", "\0").encode())
    return _Rendered(release, tuple(rows), b",".join(rows))


def _machine_id(seed: int, number: int) -> str:
    return sha1(f"{seed}/{number}".encode(), usedforsecurity=False).hexdigest()


def _stranger_id(number: int) -> bytes:
    return sha1(f"stranger/{number}".encode(), usedforsecurity=False).hexdigest().encode()


def _time(at: datetime, fraction: int) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S") + f".{fraction:07}".rstrip("0").rstrip(".") + "Z"


def _addresses(address: str, mac: str, *, is_linux: bool, has_many: bool) -> list[dict[str, Any]]:
    kind = "Other" if is_linux else "Ethernet"
    up = "Up"
    listed = [
        {"ipAddress": address, "macAddress": mac, "type": kind, "operationalStatus": up},
        {"ipAddress": "fe80::20d:3aff:fe9a:bb3a", "macAddress": mac, "type": kind, "operationalStatus": up},
        {
            "ipAddress": "127.0.0.1",
            "macAddress": "000000000000" if is_linux else None,
            "type": "Other" if is_linux else "SoftwareLoopback",
            "operationalStatus": up,
        },
    ]
    if has_many:
        listed += [
            {"ipAddress": f"169.254.{n}.7", "macAddress": "", "type": "IEEE80211", "operationalStatus": "Down"}
            for n in range(30)
        ]
    return listed


def _vm(seed: int, number: int) -> dict[str, Any]:
    identity = sha1(f"vm/{seed}/{number}".encode(), usedforsecurity=False).hexdigest()
    vm_id = f"{identity[:8]}-{identity[8:12]}-4000-8000-{identity[12:24]}"
    resource = f"/subscriptions/{vm_id}/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines/vm{number}"
    return {"vmId": vm_id, "cloudProvider": "Azure", "resourceId": resource, "subscriptionId": None}


def _catalogue_row(cve: Any, exposed: int) -> dict[str, Any]:
    number = int(cve.id.rsplit("-", 1)[1])
    return {
        "id": cve.id,
        "name": cve.id,
        "description": f"A vulnerability in {cve.vendor} {cve.product}. [Generated by AI]",
        "severity": cve.severity,
        "cvssV3": int(cve.cvss) if cve.cvss == int(cve.cvss) else cve.cvss,
        "cvssVector": cve.vector,
        "exposedMachines": exposed,
        "publishedOn": f"{cve.published}T00:00:00Z",
        "updatedOn": f"{cve.published}T20:03:01.577Z",
        "firstDetected": None if number % 5 == 0 else f"{cve.published}T18:00:48Z",
        "patchFirstAvailable": None,
        "publicExploit": cve.public,
        "exploitVerified": cve.verified,
        "exploitInKit": False,
        "exploitTypes": ["PrivilegeEscalation"] if cve.verified else [],
        "exploitUris": [],
        "cveSupportability": "Supported" if number % 2 else "NotSupported",
        "tags": [],
        "epss": cve.epss,
    }


def _tvm_row() -> dict[str, Any]:
    blank = {"cvssV3": None, "cvssVector": "", "exposedMachines": 0, "epss": 0, "description": None}
    dates = dict.fromkeys(("publishedOn", "updatedOn", "firstDetected", "patchFirstAvailable"))
    flags = dict.fromkeys(("publicExploit", "exploitVerified", "exploitInKit"), False)
    lists: dict[str, Any] = {"exploitTypes": [], "exploitUris": [], "tags": []}
    identity = {"id": "TVM-2020-0002", "name": "TVM-2020-0002", "severity": "Critical"}
    return identity | blank | dates | flags | lists | {"cveSupportability": "Supported"}
