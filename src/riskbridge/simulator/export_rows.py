"""Rows of the exports: what a release contributes is prepared once as bytes, and finished for a device.

A row of the paged list is thin; the same row in an export says what the device is, which files prove it and which update
fixes it. Files spell members in Pascal case and leave out what is empty. Rows are made when they are asked for.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha1
from itertools import accumulate
from typing import Any

from riskbridge.simulator.catalogue import Release, load_cves

_ID, _DEVICE = b"\0", b'"\x01":0'
"""Stand for the device's id and for the members that tell of the device; JSON text has neither."""
_EXPLOITS = {"none": "NoExploit", "public": "ExploitIsPublic", "verified": "ExploitIsVerified", "kit": "ExploitIsInKit"}
_PASCAL = {"osPlatform": "OSPlatform", "osVersion": "OSVersion", "osArchitecture": "OSArchitecture"}
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExportDevice:
    """A device as the exports tell of it: its id, and its members ready for rows of either spelling."""

    identity: bytes
    camel: bytes
    pascal: bytes

    @classmethod
    def of(cls, machine: Record) -> ExportDevice:
        """From the record of the device list."""
        seen = str(machine["lastSeen"])[:19].replace("T", " ")
        is_linux = machine["osPlatform"] in ("Ubuntu", "RedHatEnterpriseLinux")
        distribution = "ubuntu_linux" if machine["osPlatform"] == "Ubuntu" else "enterprise_linux"
        values = {
            "rbacGroupId": machine["rbacGroupId"],
            "rbacGroupName": machine["rbacGroupName"] or "Unassigned",
            "deviceName": machine["computerDnsName"],
            "osPlatform": "Linux" if is_linux else machine["osPlatform"],
            "osVersion": f"{distribution}_{machine['version']}" if is_linux else f"10.0.{machine['osBuild']}.4061",
            "osArchitecture": "x64",
            "lastSeenTimestamp": seen,
            "isOnboarded": machine["onboardingStatus"] == "Onboarded",
        }
        return cls(machine["id"].encode(), _members(values), _members(in_pascal(values)))


@dataclass(frozen=True, slots=True)
class ExportRelease:
    """A release's rows in both spellings; `keys` are their CVE ids, null for a product without any."""

    keys: tuple[str | None, ...]
    camel: tuple[bytes, ...]
    pascal: tuple[bytes, ...]


def prepare_export(release: Release, start: datetime) -> ExportRelease:
    """A release's rows: one a CVE, whatever the number of its updates."""
    first = {e.cve_id: e for e in reversed(release.exposures)}
    cves = load_cves()
    rows = []
    for cve_id in dict.fromkeys(e.cve_id for e in release.exposures):
        cve, exposure = cves.get(cve_id), first[cve_id]
        rows.append(
            _row(release, cve_id, start)
            | {
                "vulnerabilitySeverityLevel": exposure.severity,
                "recommendedSecurityUpdate": f"Security update {exposure.kb}" if exposure.kb else None,
                "recommendedSecurityUpdateId": exposure.kb,
                "recommendedSecurityUpdateUrl": (
                    f"https://catalog.update.example.test/{exposure.kb}" if exposure.kb else None
                ),
                "exploitabilityLevel": _EXPLOITS.get(cve.exploit if cve else "none", "NoExploit"),
                "cvssScore": cve.cvss if cve else None,
                "securityUpdateAvailable": exposure.kb is not None,
            }
        )
    return _prepared(rows)


def prepare_harmless(start: datetime) -> ExportRelease:
    """A product without a CVE, which the exports name all the same."""
    release = Release(-1, "example", "harmless_tool", "1.0", ())
    row = _row(release, None, start) | dict.fromkeys(
        (
            "vulnerabilitySeverityLevel",
            "recommendedSecurityUpdate",
            "recommendedSecurityUpdateId",
            "recommendedSecurityUpdateUrl",
            "cvssScore",
        )
    )
    return _prepared([row | {"exploitabilityLevel": "NoExploit", "securityUpdateAvailable": False}])


def in_pascal(values: Record) -> Record:
    """Members as files spell them; what is empty is left out."""
    return {_PASCAL.get(n, n[0].upper() + n[1:]): v for n, v in values.items() if v is not None and v != []}


@dataclass(frozen=True, slots=True)
class SoftwareRow:
    """A release's row of the software inventory, to be finished for a device."""

    text: bytes
    is_pascal: bool

    def finished(self, device: ExportDevice) -> bytes:
        """The row as a device has it."""
        return finished([self.text], device, is_pascal=self.is_pascal)[0]


def prepare_software(release: Release, start: datetime, *, is_pascal: bool) -> SoftwareRow:
    """A release's row of the software inventory; its weaknesses are distinct CVEs."""
    evidence = _row(release, None, start)
    sort = "o" if release.product.startswith("windows_") or release.product == "linux_kernel" else "a"
    values = {
        "deviceId": "\0",
        "\x01": 0,
        "softwareVendor": release.vendor,
        "softwareName": release.product,
        "softwareVersion": release.version,
        "numberOfWeaknesses": len({e.cve_id for e in release.exposures}),
        "diskPaths": evidence["diskPaths"],
        "registryPaths": evidence["registryPaths"],
        "softwareFirstSeenTimestamp": evidence["firstSeenTimestamp"],
        "endOfSupportStatus": evidence["endOfSupportStatus"],
        "endOfSupportDate": evidence["endOfSupportDate"],
        "productCodeCpe": f"cpe:2.3:{sort}:{release.vendor}:{release.product}:{release.version}:*:*:*:*:*:*:*",
    }
    return SoftwareRow(_text(in_pascal(values) if is_pascal else values), is_pascal)


class ExportRows:
    """All rows of a snapshot, device by device.

    Args:
        devices: Devices in order.
        releases: For each device, its prepared releases.
    """

    def __init__(self, devices: Sequence[ExportDevice], releases: Sequence[Sequence[ExportRelease]]) -> None:
        self._devices = devices
        self._releases = releases
        self._ends = array("Q", accumulate(sum(len(r.keys) for r in found) for found in releases))

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._ends[-1] if self._ends else 0

    def page(self, start: int, stop: int) -> bytes:
        """Rows from `start` to `stop` as the inside of a JSON array."""
        return b",".join(self._slice(start, stop, is_pascal=False))

    def lines(self, start: int, stop: int) -> bytes:
        """Rows from `start` to `stop` as JSON lines in the files' spelling."""
        rows = self._slice(start, stop, is_pascal=True)
        return b"\n".join(rows) + b"\n" if rows else b""

    def _slice(self, start: int, stop: int, *, is_pascal: bool) -> list[bytes]:
        stop = min(stop, self.count)
        parts: list[bytes] = []
        place = bisect_right(self._ends, start)
        first = self._ends[place - 1] if place else 0
        while start < stop:
            end = self._ends[place]
            if end > first:
                device = self._devices[place]
                rows = [row for r in self._releases[place] for row in (r.pascal if is_pascal else r.camel)]
                parts += finished(rows[start - first : min(end, stop) - first], device, is_pascal=is_pascal)
            start = first = end
            place += 1
        return parts


def finished(rows: Sequence[bytes], device: ExportDevice, *, is_pascal: bool) -> list[bytes]:
    """Prepared rows as a device has them."""
    members = device.pascal if is_pascal else device.camel
    return [row.replace(_DEVICE, members).replace(_ID, device.identity) for row in rows]


def _row(release: Release, cve_id: str | None, start: datetime) -> Record:
    digest = sha1(f"{release.product}/{cve_id}".encode(), usedforsecurity=False).digest()
    first_seen = start - timedelta(days=5 + digest[0] % 90, seconds=digest[1] * 300)
    key = ("\0", release.vendor, release.product, release.version, cve_id or "")
    is_linux = release.product in ("linux_kernel", "glibc", "openssh", "sudo", "polkit", "curl", "xz", "bash")
    path = f"/usr/lib/{release.product}" if is_linux else f"c:\\program files\\{release.vendor}\\{release.product}.exe"
    return {
        "id": "_".join(key),
        "deviceId": "\0",
        "\x01": 0,
        "softwareVendor": release.vendor,
        "softwareName": release.product,
        "softwareVersion": release.version,
        "cveId": cve_id,
        "diskPaths": [path] if digest[2] % 4 else [],
        "registryPaths": [] if is_linux or digest[2] % 3 else [f"HKEY_LOCAL_MACHINE\\SOFTWARE\\{release.product}"],
        "firstSeenTimestamp": first_seen.strftime("%Y-%m-%d %H:%M:%S"),
        "endOfSupportStatus": None if digest[3] % 7 else "EOS Version",
        "endOfSupportDate": None if digest[3] % 7 else "2024-01-09 00:00:00",
        "recommendationReference": f"va-_-{release.vendor}-_-{release.product}",
        "cveMitigationStatus": None,
    }


def _prepared(rows: list[Record]) -> ExportRelease:
    return ExportRelease(
        tuple(row["cveId"] for row in rows),
        tuple(_text(row) for row in rows),
        tuple(_text({("\x01" if n == "\x01" else n): v for n, v in in_pascal(row).items()}) for row in rows),
    )


def _text(values: Record) -> bytes:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\\u0000", "\0").replace("\\u0001", "\x01").encode()


def _members(values: Record) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()[1:-1]
