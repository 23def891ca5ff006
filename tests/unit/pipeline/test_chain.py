"""Which staged runs make up what a connector's source last said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from riskbridge.errors import InputError
from riskbridge.pipeline.chain import REMAP, Chain, Step, find_chain, require_chain

START = datetime(2026, 11, 1, tzinfo=UTC)
STREAMS = {"paged": "list", "export-json": "export", "delta": "softwareVulnerabilityChangesByMachine"}


@dataclass
class Kept:
    """A staged stream, as far as chains look at it."""

    is_complete: bool = True


def run(number, strategy, *, whole_catalogue=False):
    at = START + timedelta(days=number)
    catalogue_at = at if whole_catalogue else START
    return {
        "run_id": f"r{number}",
        "strategy": strategy,
        "reflects_at": at,
        "observed_at": at,
        "catalogue_at": catalogue_at,
    }


def chain_of(*runs, gone=(), partial=()):
    """The chain of runs given oldest first; `gone` and `partial` name streams, such as `r1/list`."""
    staged = {
        f"{r['run_id']}/{stream}": Kept(f"{r['run_id']}/{stream}" not in partial)
        for r in runs
        for stream in ("machines", "vulnerabilities", STREAMS.get(r["strategy"]))
        if r["strategy"] != REMAP and f"{r['run_id']}/{stream}" not in gone
    }
    return find_chain(list(reversed(runs)), STREAMS.get, lambda run_id, stream: staged.get(f"{run_id}/{stream}"))


def test_a_whole_reading_stands_for_itself():
    chain = chain_of(run(1, "paged", whole_catalogue=True), run(2, "paged"))

    assert chain == Chain((Step("r2", "paged"),), "r2", None, ("r1", "r2"))
    assert chain.run_ids == {"r1", "r2"}


def test_changes_go_on_from_the_whole_reading_before_them():
    chain = chain_of(run(1, "export-json", whole_catalogue=True), run(2, "delta"), run(3, REMAP), run(4, "delta"))

    assert chain.steps == (Step("r1", "export-json"), Step("r2", "delta"), Step("r4", "delta"))
    assert (chain.devices, chain.catalogue) == ("r4", ("r1", "r2", "r4"))


def test_changes_after_a_live_list_count_from_its_time_on():
    assert chain_of(run(1, "paged"), run(2, "delta")).steps == (
        Step("r1", "paged"),
        Step("r2", "delta", START + timedelta(days=1)),
    )


def test_a_reading_that_was_cut_short_adds_to_the_complete_one_before():
    chain = chain_of(run(1, "paged"), run(2, "paged"), partial=["r2/list"])

    assert [s.run_id for s in chain.steps] == ["r1", "r2"]


def test_without_a_complete_reading_the_newest_that_is_staged_counts():
    chain = chain_of(run(1, "paged"), run(2, "paged"), partial=["r1/list", "r2/list"])

    assert [s.run_id for s in chain.steps] == ["r2"]


def test_a_run_that_met_an_old_snapshot_has_no_changes_and_breaks_nothing():
    changes = "r2/softwareVulnerabilityChangesByMachine"
    assert [s.run_id for s in chain_of(run(1, "paged"), run(2, "delta"), gone=[changes]).steps] == ["r1"]


@pytest.mark.parametrize(
    "gone",
    [["r1/list"], ["r2/softwareVulnerabilityChangesByMachine", "r2/machines"]],
    ids=["no whole reading", "a run in between"],
)
def test_what_is_no_longer_staged_makes_no_chain(gone):
    chain = chain_of(run(1, "paged"), run(2, "delta"), gone=gone)

    assert chain is None
    with pytest.raises(InputError) as refused:
        require_chain(chain, "Contoso")
    assert refused.value.code == "remap.nothing-staged"
