"""Devices of a made tenant: what each is, and its record with every property and quirk that the service sends."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha1
from typing import Any, Literal

Kind = Literal["active", "inactive", "duplicate", "merged", "discovered", "excluded"]

CLIENT = (
    "edge_chromium-based", "chrome", "firefox", "office", "acrobat_reader_dc", "acrobat_dc", "jre", "7-zip",
    "winrar", "zoom", "teamviewer", "notepad++", "putty", "wireshark", "git", "python", "node.js", "openssl",
    "log4j", "commons_text", "tools", "visual_studio_code", "desktop", "flash_player", "thunderbird",
    "supportassist",
)  # fmt: skip
SERVER = (
    "edge_chromium-based", "chrome", "jre", "openssl", "log4j", "commons_text", "tools", "7-zip", "python",
    "node.js", "putty", "sql_server_2019", "notepad++", "git", "winrar",
)  # fmt: skip
LINUX = (
    "linux_kernel", "glibc", "openssh", "sudo", "polkit", "curl", "vim", "python", "xz", "bash", "openssl",
    "git", "log4j", "node.js",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system: its words in a record, the product of its own findings, and what may be installed on it.

    `versions` begins the versions of `product` that fit; `build` and `product` may be missing, as on Linux.
    """

    os_platform: str
    version: str
    build: int | None
    product: str
    versions: str
    software: tuple[str, ...]
    is_linux: bool = False


PLATFORMS = (
    Platform("Windows11", "24H2", 26100, "windows_11", "10.0.26100.", CLIENT),
    Platform("Windows11", "23H2", 22631, "windows_11", "10.0.22631.", CLIENT),
    Platform("Windows10", "22H2", 19045, "windows_10", "10.0.19045.", CLIENT),
    Platform("Windows11", "23H2", 22631, "windows_11", "10.0.22631.", CLIENT),
    Platform("Windows10", "1809", 17763, "windows_10", "10.0.17763.", CLIENT),
    Platform("WindowsServer2022", "21H2", 20348, "windows_server_2022", "10.0.20348.", SERVER),
    Platform("WindowsServer2019", "1809", 17763, "windows_server_2019", "10.0.17763.", SERVER),
    Platform("WindowsServer2016", "1607", 14393, "windows_server_2016", "10.0.14393.", SERVER),
    Platform("Ubuntu", "22.4", 6, "", "", LINUX, is_linux=True),
    Platform("RedHatEnterpriseLinux", "9.5", None, "", "", LINUX, is_linux=True),
)
_NAMES = ("wks", "LAPTOP", "büro", "東京", "srv", "DESKTOP", "qa", "münchen")
_DISCOVERED = ("CanBeOnboarded", "Unsupported", "InsufficientInfo")
_GROUPS = ((0, None), (7458, "Servers"), (0, None), (7461, "Vertrieb Köln"))
_TAGS: tuple[list[str], ...] = ([], ["finance"], [""], ["Käufer", "pilot"])


def kind_of(number: int) -> Kind:
    """What the device of a number is; a duplicate or merged one is the older record of the device before it."""
    if number % 50 == 49 and _first_kind(number - 1) == "active":
        return "merged" if number % 100 == 99 else "duplicate"
    return _first_kind(number)


def _first_kind(number: int) -> Kind:
    if number % 23 == 11:
        return "discovered"
    return "inactive" if number % 31 == 7 else "excluded" if number % 97 == 3 else "active"


def has_findings(number: int) -> bool:
    """Whether the device is assessed: not merged, not merely discovered, not excluded."""
    return kind_of(number) in ("active", "inactive", "duplicate")


def machine_id(seed: int, number: int) -> str:
    """The device's id: 40 hexadecimal digits."""
    return sha1(f"{seed}/{number}".encode(), usedforsecurity=False).hexdigest()


def platform_of(seed: int, number: int) -> Platform:
    """The device's operating system."""
    number -= kind_of(number) in ("duplicate", "merged")
    return PLATFORMS[device_rng(seed, number, 1).randrange(len(PLATFORMS))]


def device_record(seed: int, number: int, now: datetime, *, days_seen: int = 0) -> dict[str, Any]:
    """The device as the service sends it.

    Args:
        seed: The tenant's seed.
        number: The device.
        now: The tenant's clock at the start.
        days_seen: Days that passed since, in which reporting devices reported again.
    """
    kind = kind_of(number)
    if kind in ("duplicate", "merged"):
        return _left_behind(seed, number, now, kind)
    rng = device_rng(seed, number, 2)
    platform = platform_of(seed, number)
    silent = timedelta(days=rng.randrange(8, 40) if kind == "inactive" else -days_seen)
    first_seen = now - timedelta(days=rng.randrange(40, 700), seconds=rng.randrange(86400))
    last_seen = now - silent - timedelta(seconds=rng.randrange(60, 80_000))
    is_discovered = kind == "discovered"
    group_id, group = _GROUPS[number % len(_GROUPS)]
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    tags = list(_TAGS[number % len(_TAGS)])
    return {
        "id": machine_id(seed, number),
        "mergedIntoMachineId": None,
        "isPotentialDuplication": False,
        "isExcluded": kind == "excluded",
        "exclusionReason": "MachineOutOfScope" if kind == "excluded" else None,
        "computerDnsName": _name(number, is_discovered=is_discovered),
        "firstSeen": _time(first_seen, rng.randrange(10**7)),
        "lastSeen": _time(last_seen, rng.randrange(10**6) * 10),
        "osPlatform": platform.os_platform,
        "osVersion": None,
        "osProcessor": None if is_discovered else "x64",
        "version": "20.4" if platform.os_platform == "Ubuntu" and number % 2 else platform.version,
        "lastIpAddress": f"2001:db8::{number:x}" if number % 41 == 6 else address,
        "lastExternalIpAddress": f"203.0.113.{number % 250}" if number % 5 else None,
        "agentVersion": "30.124092.2.0" if platform.is_linux else f"10.8792.{platform.build}.4061",
        "osBuild": None if is_discovered else platform.build,
        "healthStatus": "Inactive" if kind == "inactive" else _health(number),
        "deviceValue": rng.choice(("Normal", "Normal", "Normal", "High", "Low")),
        "rbacGroupId": group_id,
        "rbacGroupName": group,
        "riskScore": rng.choice(("None", "None", "Informational", "Low", "Medium", "High")),
        "exposureLevel": rng.choice(("None", "Low", "Medium", "High")),
        "isAadJoined": None if platform.is_linux else not is_discovered,
        "aadDeviceId": None if platform.is_linux or is_discovered or number % 11 == 0 else _guid("aad", seed, number),
        "machineTags": tags,
        "onboardingStatus": _DISCOVERED[number % 3] if is_discovered else "Onboarded",
        "osArchitecture": None if is_discovered else "64-bit",
        "managedBy": "Unknown" if platform.is_linux or is_discovered else rng.choice(("Intune", "Intune", "Unknown")),
        "managedByStatus": "Unknown",
        "ipAddresses": _addresses(number, address, platform, is_discovered=is_discovered),
        "vmMetadata": _vm(seed, number) if number % 13 == 5 else None,
    }


def _left_behind(seed: int, number: int, now: datetime, kind: Kind) -> dict[str, Any]:
    """The record that a re-imaged device left: its name in capitals, its addresses, another id, silent for long."""
    machine = device_record(seed, number - 1, now)
    last_seen = now - timedelta(days=30 + number % 100)
    return machine | {
        "id": machine_id(seed, number),
        "mergedIntoMachineId": machine["id"] if kind == "merged" else None,
        "isPotentialDuplication": True,
        "computerDnsName": str(machine["computerDnsName"]).upper(),
        "firstSeen": _time(last_seen - timedelta(days=300), 0),
        "lastSeen": _time(last_seen, 0),
        "healthStatus": "Inactive",
        "aadDeviceId": _guid("aad", seed, number),
        "vmMetadata": None,
    }


def device_rng(seed: int, number: int, purpose: int) -> random.Random:
    """Random numbers of one device for one purpose, the same every time."""
    # An integer seeds far faster than text; the large odd factors keep devices and purposes apart.
    return random.Random((seed * 0x9E3779B97F4A7C15 + number) * 8 + purpose)  # noqa: S311 - a made world, not a secret


def _name(number: int, *, is_discovered: bool) -> str | None:
    if is_discovered and number % 2:
        return None
    name = f"{_NAMES[number % len(_NAMES)]}-{number:05}"
    return name if number % 3 == 2 else f"{name}.corp.example.test"


def _health(number: int) -> str:
    odd = {5: "ImpairedCommunication", 17: "NoSensorData", 29: "NoSensorDataImpairedCommunication"}
    return odd.get(number % 211, "Active")


def _time(at: datetime, ticks: int) -> str:
    """A time with up to seven digits of fraction, zeros at the end dropped."""
    return at.isoformat()[:19] + f".{ticks:07}".rstrip("0").rstrip(".") + "Z"


def _addresses(number: int, address: str, platform: Platform, *, is_discovered: bool) -> list[dict[str, Any]]:
    mac = f"7C1E52{number & 0xFFFFFF:06X}"
    if is_discovered:
        return [_address(address, mac, None, "Unknown")]
    kind = "Other" if platform.is_linux else "Ethernet"
    link_local = f"fe80::7e1e:52ff:fe{number >> 16 & 255:02x}:{number & 0xFFFF:x}"
    found = [_address(address, mac, kind), _address(link_local, mac, kind)]
    loopback = "Other" if platform.is_linux else "SoftwareLoopback"
    found += [_address(ip, "000000000000" if platform.is_linux else None, loopback) for ip in ("127.0.0.1", "::1")]
    if number % 17 == 0:
        found += [_address(f"169.254.{n}.7", "", "IEEE80211", "Down") for n in range(30)]
    if number % 19 == 3:
        found.append(_address("", mac, kind, "Down"))
    return found


def _address(ip: str, mac: str | None, kind: str | None, status: str = "Up") -> dict[str, Any]:
    return {"ipAddress": ip, "macAddress": mac, "type": kind, "operationalStatus": status}


def _guid(purpose: str, seed: int, number: int) -> str:
    digits = sha1(f"{purpose}/{seed}/{number}".encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


def _vm(seed: int, number: int) -> dict[str, Any]:
    subscription = _guid("subscription", seed, 0)
    path = f"/subscriptions/{subscription}/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines/vm{number}"
    return {
        "vmId": _guid("vm", seed, number),
        "cloudProvider": "Azure",
        "resourceId": path,
        "subscriptionId": subscription if number % 2 else None,
    }
