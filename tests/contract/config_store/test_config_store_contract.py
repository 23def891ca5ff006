"""What every config store does, whatever database it stands on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from riskbridge.errors import InputError
from riskbridge.model.connector import Connector, Profile, RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.store.config.store import AuditEntry, ConfigStore

NOW = datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC)
LAB = Connector("c1", "Lab", tenant_id="t1", client_id="a1", client_secret="sealed:abc", ca_bundle="/etc/ca.pem")
DAILY = Profile("p1", "c1", "Daily", device_filter="healthStatus eq 'Active'", page_size=500)


def run(
    run_id: str, *, connector_id: str = "c1", minutes: int = 0, outcome: RunOutcome = RunOutcome.RUNNING
) -> RunRecord:
    started_at = NOW + timedelta(minutes=minutes)
    return RunRecord(run_id, connector_id, "Lab", "p1", outcome, started_at, started_at, "scope", pid=7)


def test_a_connector_comes_back_as_it_was_saved(store: ConfigStore) -> None:
    store.save_connector(LAB)
    assert store.get_connector("Lab") == LAB


@pytest.mark.parametrize(
    ("saved", "asked"),
    [
        pytest.param("Lab", "LAB", id="ascii"),
        pytest.param("Zürich", "ZÜRICH", id="umlaut"),
        pytest.param("ÅBO", "åbo", id="ring"),
        pytest.param("Straße", "STRASSE", id="sharp-s"),
        pytest.param("ΣΊΣΥΦΟΣ", "σίσυφος", id="final-sigma"),
    ],
)
def test_names_are_found_in_any_letter_case(store: ConfigStore, saved: str, asked: str) -> None:
    store.save_connector(replace(LAB, name=saved))
    assert store.get_connector(asked).name == saved
    with pytest.raises(InputError, match="already"):
        store.save_connector(replace(LAB, connector_id="c2", name=asked))


def test_a_name_that_is_taken_changes_nothing(store: ConfigStore) -> None:
    store.save_connector(LAB)
    with pytest.raises(InputError) as caught:
        store.save_connector(replace(LAB, connector_id="c2", name="LAB"))
    assert caught.value.code == "connector.exists"
    assert store.list_connectors() == [LAB]
    assert len(store.list_audit()) == 1


def test_saving_again_updates(store: ConfigStore) -> None:
    store.save_connector(LAB)
    changed = replace(LAB, name="Laboratory", retain_missing=True)
    store.save_connector(changed)
    assert store.list_connectors() == [changed]
    assert store.find_connector("Lab") is None


def test_connectors_are_listed_by_name_whatever_their_case(store: ConfigStore) -> None:
    for number, name in enumerate(["beta", "Alpha", "gamma", "ALPHA 2"]):
        store.save_connector(replace(LAB, connector_id=f"c{number}", name=name))
    assert [c.name for c in store.list_connectors()] == ["Alpha", "ALPHA 2", "beta", "gamma"]


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        pytest.param([], "Add one with: riskbridge connector add", id="none"),
        pytest.param(["Production", "Lab"], "Did you mean: Production?", id="near"),
        pytest.param(["Lab", "Test"], "Did you mean: Lab, Test?", id="far"),
    ],
)
def test_an_unknown_connector_is_told_with_what_there_is(store: ConfigStore, names: list[str], remedy: str) -> None:
    for name in names:
        store.save_connector(replace(LAB, connector_id=name, name=name))
    with pytest.raises(InputError) as caught:
        store.get_connector("prodution")
    assert (caught.value.code, caught.value.remedy) == ("connector.unknown", remedy)


def test_deleting_a_connector_takes_its_profiles_and_leaves_its_runs(store: ConfigStore) -> None:
    store.save_connector(LAB)
    store.save_profile(DAILY)
    store.save_run(run("r1"))
    store.delete_connector("lab")
    assert (store.list_connectors(), store.list_profiles("c1"), store.list_runs("c1")) == ([], [], [run("r1")])


def test_deleting_an_unknown_connector_says_so(store: ConfigStore) -> None:
    with pytest.raises(InputError, match="no connector named 'Lab'"):
        store.delete_connector("Lab")


def test_profiles_come_back_as_they_were_saved(store: ConfigStore) -> None:
    store.save_connector(LAB)
    weekly = replace(DAILY, profile_id="p2", name="Weekly", device_filter=None, is_active=False)
    for profile in (weekly, DAILY):
        store.save_profile(profile)
    assert store.list_profiles("c1") == [DAILY, weekly]


@pytest.mark.parametrize(
    ("names", "asked", "found"),
    [
        pytest.param(["Daily"], None, "Daily", id="the only one"),
        pytest.param(["Daily", "Default"], None, "Default", id="the default of several"),
        pytest.param(["Daily", "Default"], "dAILY", "Daily", id="by name in any case"),
    ],
)
def test_a_profile_is_chosen(store: ConfigStore, names: list[str], asked: str | None, found: str) -> None:
    store.save_connector(LAB)
    for name in names:
        store.save_profile(replace(DAILY, profile_id=name, name=name))
    assert store.get_profile("c1", asked).name == found


def test_an_unknown_profile_is_told_with_what_there_is(store: ConfigStore) -> None:
    store.save_connector(LAB)
    store.save_profile(DAILY)
    with pytest.raises(InputError, match="There are: Daily"):
        store.get_profile("c1", "hourly")


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(replace(DAILY, profile_id="p2", name="DAILY"), id="name taken"),
        pytest.param(replace(DAILY, profile_id="p2", connector_id="gone"), id="no such connector"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(store: ConfigStore, profile: Profile) -> None:
    store.save_connector(LAB)
    store.save_profile(DAILY)
    with pytest.raises(InputError) as caught:
        store.save_profile(profile)
    assert caught.value.code == "profile.exists"
    assert store.list_profiles("c1") == [DAILY]


def test_a_deleted_profile_is_gone(store: ConfigStore) -> None:
    store.save_connector(LAB)
    store.save_profile(DAILY)
    store.delete_profile("c1", "daily")
    assert store.list_profiles("c1") == []


def test_a_run_comes_back_as_it_was_saved(store: ConfigStore) -> None:
    ended = replace(
        run("r1"),
        outcome=RunOutcome.FAILED,
        ended_at=NOW + timedelta(microseconds=1),
        run=4,
        calls=12,
        counts={"findings": 3},
        warnings=("One page was short.",),
        error={"kind": "fatal", "code": "defender.refused", "status": 403},
        is_resumed=True,
        trigger="nightly",
        phase="findings",
    )
    store.save_run(run("r1"))
    store.save_run(ended)
    assert store.list_runs() == [ended]


def test_runs_are_listed_newest_first(store: ConfigStore) -> None:
    store.save_connector(LAB)
    for number in (2, 1, 3):
        store.save_run(run(f"r{number}", minutes=number, connector_id="c2" if number == 3 else "c1"))
    assert [r.run_id for r in store.list_runs(limit=2)] == ["r3", "r2"]
    assert [r.run_id for r in store.list_runs("c1")] == ["r2", "r1"]


def test_runs_that_have_not_ended_are_listed_by_connector(store: ConfigStore) -> None:
    for record in (
        run("r1"),
        run("r2", minutes=1, outcome=RunOutcome.SUCCEEDED),
        run("r3", minutes=2),
        run("r4", minutes=3, connector_id="c2"),
    ):
        store.save_run(record)
    assert [r.run_id for r in store.list_open("c1")] == ["r1", "r3"]


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        pytest.param("ab1", "ab1234", id="beginning"),
        pytest.param("ab", "'ab' is the beginning of more than one run id.", id="several"),
        pytest.param("zz", "'zz' is no run id.", id="none"),
        pytest.param("", "'' is no run id.", id="empty"),
        pytest.param("%", "'%' is no run id.", id="wildcard"),
    ],
)
def test_a_run_is_found_by_the_beginning_of_its_id(store: ConfigStore, asked: str, outcome: str) -> None:
    for run_id in ("ab1234", "ab9999"):
        store.save_run(run(run_id))
    try:
        found = store.get_run(asked).run_id
    except InputError as error:
        found = error.message
    assert found == outcome


def test_times_keep_their_instant_and_come_back_in_utc(store: ConfigStore) -> None:
    elsewhere = replace(run("r1"), observed_at=datetime.fromisoformat("2026-11-23T10:00:00+05:30"))
    store.save_run(elsewhere)
    assert store.get_run("r1").observed_at.isoformat() == "2026-11-23T04:30:00+00:00"


@pytest.mark.parametrize("value", [None, 0, 0.5, "text", [1, "a"], {"cvss": 0.65}], ids=repr)
def test_a_setting_comes_back_as_it_was_saved(store: ConfigStore, value: object) -> None:
    store.save_setting("weights", value)
    assert store.find_setting("weights") == value


def test_a_setting_nobody_chose_is_none(store: ConfigStore) -> None:
    assert store.find_setting("weights") is None


def test_the_audit_log_says_who_changed_what_and_no_secret(store: ConfigStore) -> None:
    store.save_connector(LAB)
    store.save_connector(LAB)
    store.save_connector(replace(LAB, client_secret="sealed:xyz", tenant_id="t2"))
    store.save_profile(DAILY)
    store.save_setting("acs", 3)
    store.save_setting("acs", 3)
    store.delete_profile("c1", "Daily")
    store.delete_connector("Lab")
    entries = list(reversed(store.list_audit()))
    assert [(e.at, e.actor, e.action, e.object) for e in entries] == [
        (NOW, "ada", "connector.added", "Lab"),
        (NOW, "ada", "connector.changed", "Lab"),
        (NOW, "ada", "profile.added", "Lab/Daily"),
        (NOW, "ada", "setting.changed", "acs"),
        (NOW, "ada", "profile.deleted", "Lab/Daily"),
        (NOW, "ada", "connector.deleted", "Lab"),
    ]
    assert entries[1] == AuditEntry(
        NOW, "ada", "connector.changed", "Lab", {"client_secret": "changed", "tenant_id": "t2"}
    )
    assert "sealed:" not in repr(entries)
