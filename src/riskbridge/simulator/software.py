"""What each device has installed: releases drawn so that a tenant has the number of finding rows that was asked for."""

from __future__ import annotations

import random
from bisect import bisect_right
from functools import cache

from riskbridge.simulator.catalogue import Release, load_releases, releases_of
from riskbridge.simulator.devices import Platform, device_rng, has_findings, platform_of

Installed = tuple[int, ...]
"""Places of releases in `load_releases`."""

_ANY_VERSION = ""


def install(seed: int, number: int, mean_rows: float) -> Installed:
    """The device's releases, with `mean_rows` finding rows on average over devices that are assessed.

    The operating system comes first, with a release that fits in what the device may have; then other products, in an
    order of the device's own, until it is full. Where all products are not enough, releases stand beside each other.
    """
    if not mean_rows or not has_findings(number):
        return ()
    rng = device_rng(seed, number, 3)
    platform = platform_of(seed, number)
    left = round(mean_rows * (0.2 + 1.6 * rng.random()))
    chosen: list[int] = []
    names = _order(platform, rng)
    for _ in range(3):
        for name, versions in names:
            release = _fitting(name, versions, left, rng, chosen)
            if release is not None:
                chosen.append(release.place)
                left -= len(release.exposures)
        if left <= 0:
            break
    return tuple(chosen)


def install_unknown(seed: int, number: int) -> Installed:
    """Releases of a device that only finding rows know: it left the device list before its rows did."""
    rng = device_rng(seed, number, 4)
    fitting = [r.place for r in load_releases() if 2 <= len(r.exposures) <= 6]
    return tuple(sorted(rng.sample(fitting, 2)))


def _order(platform: Platform, rng: random.Random) -> list[tuple[str, str]]:
    own = [(platform.product, platform.versions)] if platform.product else []
    others = list(platform.software)
    rng.shuffle(others)
    return own + [(name, _ANY_VERSION) for name in others]


def _fitting(name: str, versions: str, left: int, rng: random.Random, chosen: list[int]) -> Release | None:
    releases, sizes = _by_size(name, versions)
    fit = bisect_right(sizes, left)
    if not fit:
        return None
    release = releases[rng.randrange(fit)]
    return None if release.place in chosen else release


@cache
def _by_size(name: str, versions: str) -> tuple[tuple[Release, ...], list[int]]:
    releases = tuple(sorted((r for r in releases_of(name) if r.version.startswith(versions)), key=_size))
    return releases, [_size(r) for r in releases]


def _size(release: Release) -> int:
    return len(release.exposures)
