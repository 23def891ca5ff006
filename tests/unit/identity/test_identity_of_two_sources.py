"""Two sources that describe the same 10,000 devices differently give one asset each, and none is merged wrongly."""

from __future__ import annotations

import sys

import pytest
from tests.unit.identity.two_sources import SHARED, Fleet

DEVICES = 10_000


@pytest.mark.slow
def test_two_sources_meet_in_one_asset_each_and_no_two_devices_do(find, capsys):
    fleet = Fleet(DEVICES)
    estate = find(fleet.records)
    both, found, linked, real = fleet.pairs({record: link["asset_id"] for record, link in estate.links.items()})
    precision, recall = both / found, linked / real
    with capsys.disabled():
        told = f"precision {precision:.4f}, recall {recall:.4f}"
        sys.stdout.write(f"\n{len(fleet.records):,} records of {DEVICES:,} devices: {told}\n")
    wrong = [sorted(group) for group in estate.together if len({fleet.device_of[record] for record in group}) > 1]
    assert (wrong, precision) == ([], 1.0)
    assert recall >= 0.98
    crowded = {text for texts in estate.refusals.values() for text in texts if SHARED in text}
    assert {text.split(": ")[0] for text in crowded if "would put" in text} == {"mac"}
