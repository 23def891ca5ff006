"""The page's rooms, in the order and under the headings in which the side bar shows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """A page of the side bar; `icon` is a name of `static/icons.svg`, `below` are further addresses that belong to it."""

    label: str
    address: str
    icon: str
    below: tuple[str, ...] = ()
    is_exact: bool = False

    def holds(self, path: str) -> bool:
        """Whether the address is this room or something in it."""
        if path == self.address or self.is_exact:
            return path == self.address
        return any(path.startswith(f"{a}/") or path == a for a in (self.address, *self.below) if a != "/")


MENU: tuple[tuple[str, tuple[Room, ...]], ...] = (
    ("", (Room("Home", "/", "home"),)),
    ("Inventory", (Room("Assets", "/inventory/assets", "asset"), Room("Tags", "/tags", "tag"))),
    (
        "Risk management",
        (
            Room("Findings", "/findings", "finding"),
            Room("Remediation", "/remediation", "fix"),
            Room("Held closings", "/holds", "hold"),
        ),
    ),
    (
        "Sources",
        (
            Room("Connectors", "/connectors", "connector", ("/wizard", "/file-connectors")),
            Room("Runs", "/runs", "run"),
            Room("Schedules", "/schedules", "calendar"),
            Room("Transform maps", "/maps", "map"),
            Room("Data models", "/models", "model"),
            Room("Identification rules", "/identification", "rule"),
        ),
    ),
    (
        "Scoring",
        (
            Room("Weights and rules", "/scoring", "score", is_exact=True),
            Room("Feeds", "/scoring/feeds", "feed"),
        ),
    ),
    ("Administration", (Room("Settings", "/settings", "settings"),)),
)
"""Headings with their rooms; the first has no heading."""
