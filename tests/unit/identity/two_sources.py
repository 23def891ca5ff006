"""Devices as two sources describe them, with the truth of which records are one device.

The first source is an agent on the device: it states hardware, registration and MAC addresses, and a device that was set
up anew stands in it twice. The second is a scanner on the network: other letter case, another domain suffix, other forms
of MAC addresses, an address from the same pool by now, and each hardware attribute only now and then.

Beside them stand near collisions, which are devices of their own: one short name in two domains, clones of one image,
docks that several laptops used, a MAC that many share, names that differ by a digit, serial numbers of the maker's
factory, hosts under a factory name, and a new device that took an old one's name.
"""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 24, tzinfo=UTC)
AGENT, SCANNER = "agent", "scanner"
REIMAGED = 0.03
"""Share of the devices that were set up anew."""
DOCK, SHARED = "00005e00d0c5", "00005e005bad"
SUFFIXES = ("corp.example.test", "example.test", "CORP.EXAMPLE.TEST", "dmz.example.test")

Records = dict[str, dict[str, Any]]


class Fleet:
    """Makes records of both sources from a seed.

    Attributes:
        records: Source asset id to the columns of SOURCE_ASSET.
        device_of: Source asset id to the device that it really is.
        linkable: Devices whose records state something that both share; the others are not counted for recall.
    """

    def __init__(self, devices: int, seed: int = 7) -> None:
        self.records: Records = {}
        self.device_of: dict[str, int] = {}
        self.linkable: set[int] = set()
        self._random = random.Random(seed)
        self._devices = 0
        for number in range(devices):
            self._add(number)
        self._add_collisions(max(devices // 500, 2))

    def pairs(self, groups: dict[str, str]) -> tuple[int, int, int, int]:
        """Pairs of records: rightly together, together at all, of linkable devices found, and of those in truth."""
        both = found = linked = 0
        by_group: dict[str, list[str]] = {}
        for record, group in groups.items():
            by_group.setdefault(group, []).append(record)
        for members in by_group.values():
            found += _pairs(len(members))
            real: dict[int, int] = {}
            for record in members:
                real[self.device_of[record]] = real.get(self.device_of[record], 0) + 1
            both += sum(_pairs(n) for n in real.values())
            linked += sum(_pairs(n) for device, n in real.items() if device in self.linkable)
        sizes: dict[int, int] = {}
        for device in self.device_of.values():
            sizes[device] = sizes.get(device, 0) + 1
        return both, found, linked, sum(_pairs(n) for device, n in sizes.items() if device in self.linkable)

    def _add(self, number: int) -> None:
        rng, device = self._random, self._next()
        label, mac = f"wks-{number:05d}", f"0011{number:08x}"
        hardware = {"serial_number": f"SN{number:06d}", "hardware_uuid": str(uuid.UUID(int=number + 2**100))}
        registered = {"entra_device_id": str(uuid.UUID(int=number + 2**90))}
        name = f"{label}.{SUFFIXES[0]}"
        first, last = NOW - timedelta(days=rng.randint(60, 400)), NOW - timedelta(hours=rng.randint(0, 47))
        agent = {"asset_name": name, "mac_addresses": [mac, SHARED][: 1 + (number % 97 == 0)], **hardware, **registered}
        if rng.random() < REIMAGED:
            self._set_up_anew(device, agent, first, last)
        else:
            self._record(AGENT, device, agent | _seen(first, last))
        known: dict[str, Any] = {"asset_name": _other_case(f"{label}.{rng.choice(SUFFIXES)}", rng)}
        if rng.random() < 0.9:
            known["mac_addresses"] = [_other_form(mac, rng)]
        if rng.random() < 0.5:
            known["serial_number"] = hardware["serial_number"].lower()
        if rng.random() < 0.3:
            known["hardware_uuid"] = "{" + hardware["hardware_uuid"].upper() + "}"
        same_name = str(known["asset_name"]).lower().strip(" .") == name
        self._record(SCANNER, device, known | _seen(first, last))
        if len(known) > 1 or same_name:
            self.linkable.add(device)

    def _set_up_anew(self, device: int, agent: dict[str, Any], first: datetime, last: datetime) -> None:
        """Silent under the old id since before the new one spoke; half of them registered anew, some lost their hardware."""
        rng = self._random
        change = first + (last - first) * rng.uniform(0.3, 0.8)
        old, new = dict(agent), dict(agent)
        if rng.random() < 0.5:
            new["entra_device_id"] = str(uuid.UUID(int=device + 2**95))
        if rng.random() < 0.3:
            old.pop("serial_number")
            old.pop("hardware_uuid")
        self._record(AGENT, device, old | _seen(first, change) | {"health_status": "Inactive"})
        self._record(AGENT, device, new | _seen(change + timedelta(hours=3), last))

    def _add_collisions(self, of_each: int) -> None:
        """Devices that look alike and are not one; each is a device of its own."""
        seen = _seen(NOW - timedelta(days=90), NOW)
        for n in range(of_each):
            # One short name in two domains.
            for source, domain in ((AGENT, "north.example.test"), (SCANNER, "south.example.test")):
                self._alone(source, {"asset_name": f"web-{n}.{domain}", "mac_addresses": [self._mac()]} | seen)
            # Clones of an image: serial and name of the template, hardware ids of their own.
            template = {"asset_name": f"template-{n}", "serial_number": f"VMW-{n}"} | seen
            for _ in range(3):
                self._alone(AGENT, template | {"hardware_uuid": str(uuid.UUID(int=self._random.getrandbits(128)))})
            # A dock that laptops of both sources used.
            for source in (AGENT, SCANNER, SCANNER):
                self._alone(source, {"asset_name": f"lap-{self._devices}", "mac_addresses": [DOCK, self._mac()]} | seen)
            # Names a digit apart, factory serials, factory names, placeholder MACs.
            factory = {"serial_number": "To be filled by O.E.M.", "mac_addresses": ["02:42:ac:11:00:02"]} | seen
            for source, digit in ((AGENT, "1"), (SCANNER, "10")):
                self._alone(source, factory | {"asset_name": f"srv{n}-{digit}"})
                self._alone(source, {"asset_name": "localhost", "ip_addresses": [f"192.0.2.{n % 250}"]} | seen)
            # A new device, of other hardware, that took the name of one that is gone.
            gone = NOW - timedelta(days=50)
            for days in (_seen(NOW - timedelta(days=300), gone), _seen(gone + timedelta(days=2), NOW)):
                self._alone(AGENT, {
                    "asset_name": f"kiosk-{n}.example.test",
                    "serial_number": f"K{self._devices}", "mac_addresses": [self._mac()],
                } | days)  # fmt: skip

        # A MAC that a driver gives to whoever has it; nothing else is known of these.
        for _ in range(60):
            self._alone(SCANNER, {"mac_addresses": [SHARED]} | seen)

    def _alone(self, source: str, columns: dict[str, Any]) -> None:
        self._record(source, self._next(), columns)

    def _mac(self) -> str:
        return f"0022{self._random.getrandbits(32):08x}"

    def _next(self) -> int:
        self._devices += 1
        return self._devices

    def _record(self, source: str, device: int, columns: dict[str, Any]) -> None:
        number = len(self.records)
        address = [f"198.51.{self._random.randint(0, 255)}.{self._random.randint(1, 254)}"]
        self.records[f"{source}-{number}"] = {
            "connector_id": source,
            "external_asset_id": f"x{number}",
            "health_status": "Active",
            "ip_addresses": address,
        } | columns
        self.device_of[f"{source}-{number}"] = device


def _seen(first: datetime, last: datetime) -> dict[str, datetime]:
    return {"first_seen_at": first, "last_seen_at": last}


def _other_case(name: str, rng: random.Random) -> str:
    label, _, domain = name.partition(".")
    return rng.choice([name.upper(), name, f"{label.upper()}.{domain}", f"{name}.", f" {name.title()}"])


def _other_form(mac: str, rng: random.Random) -> str:
    pairs = [mac[i : i + 2] for i in range(0, 12, 2)]
    return rng.choice(
        [
            ":".join(pairs).upper(),
            "-".join(pairs),
            f"{mac[:4]}.{mac[4:8]}.{mac[8:]}",
            mac.upper(),
            ":".join(p.lstrip("0") or "0" for p in pairs),
        ]
    )


def _pairs(number: int) -> int:
    return number * (number - 1) // 2
