from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from riskbridge.errors import InputError
from riskbridge.simulator.faults import BAD_RECORDS, Faults, with_bad_records
from riskbridge.simulator.quota import Quota


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_call_after_the_minutes_limit_waits_for_the_first_to_leave_the_window() -> None:
    clock = Clock()
    quota = Quota(scale=1, speed=1, clock=clock)
    assert [quota.refusal("machines") for _ in range(100)] == [None] * 100
    clock.now_s = 12.5
    sentence = (
        "API calls quota exceeded! Maximum allowed 100 per 00:01:00 for the key Destination+TenantID+AppID. "
        "You can send requests again in 48 seconds."
    )
    assert quota.refusal("machines") == (48, sentence)
    clock.now_s = 60.5
    assert quota.refusal("machines") is None


def test_the_hours_limit_holds_across_minutes() -> None:
    clock = Clock()
    quota = Quota(scale=1, speed=1, clock=clock)
    for minute in range(15):
        clock.now_s = minute * 61.0
        assert [quota.refusal("vulnerabilities") for _ in range(100)] == [None] * 100
    clock.now_s = 1000.0
    refusal = quota.refusal("vulnerabilities")
    assert refusal is not None
    assert refusal[0] == 2600
    assert "Maximum allowed 1500 per 01:00:00" in refusal[1]


def test_apis_count_apart() -> None:
    quota = Quota(scale=0.01, speed=1, clock=Clock())
    assert quota.refusal("machines") is None
    assert quota.refusal("machines") is not None
    assert quota.refusal("machinesVulnerabilities") is None


def test_a_faster_clock_shortens_the_wait() -> None:
    clock = Clock()
    quota = Quota(scale=0.01, speed=60, clock=clock)
    quota.refusal("machines")
    refusal = quota.refusal("machines")
    assert refusal is not None
    assert refusal[0] == 1
    clock.now_s = 1.01
    assert quota.refusal("machines") is None


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        pytest.param({"page": None, "times": 1}, [0], id="at once and once"),
        pytest.param({}, [0], id="defaults"),
        pytest.param({"page": 2}, [2], id="from a page on, once"),
        pytest.param({"page": 1, "times": 2}, [1, 2], id="twice"),
        pytest.param({"page": 1, "times": None}, [1, 2, 3, 4], id="for ever"),
    ],
)
def test_a_fault_strikes_the_requests_it_was_armed_for(fault: dict[str, object], struck: list[int]) -> None:
    faults = Faults()
    faults.arm({"kind": "server-500", "path": "machines"} | fault)
    assert faults.take("vulnerabilities") is None
    assert [n for n in range(5) if faults.take("machines") is not None] == struck


def test_two_faults_of_a_path_count_its_requests_each() -> None:
    faults = Faults()
    faults.arm({"kind": "server-500", "path": "machines", "page": 0})
    faults.arm({"kind": "html-502", "path": "machines", "page": 2})
    kinds = [f.kind if f else None for f in (faults.take("machines") for _ in range(4))]
    assert kinds == ["server-500", None, "html-502", None]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"kind": "earthquake", "path": "machines"}, id="unknown kind"),
        pytest.param({"kind": "slow", "path": "somewhere"}, id="unknown path"),
        pytest.param({"kind": "slow", "path": "token", "colour": 1}, id="unknown member"),
        pytest.param([], id="no object"),
    ],
)
def test_a_fault_that_is_none_is_refused(values: object) -> None:
    with pytest.raises(InputError) as caught:
        Faults().arm(values)
    assert caught.value.code == "simulator.bad-fault"


@pytest.mark.parametrize("stream", list(BAD_RECORDS))
def test_bad_records_follow_the_good_ones_and_the_first_comes_twice(stream: str) -> None:
    page = json.loads(b"[" + with_bad_records(stream, b'{"id":"a"},{"id":"b"}') + b"]")
    assert page == [{"id": "a"}, {"id": "b"}, *BAD_RECORDS[stream], {"id": "a"}]
