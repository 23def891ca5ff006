from dataclasses import replace
from pathlib import Path

import pytest

from riskbridge.config import DEFAULT_HOME, Settings, describe_settings, load_settings
from riskbridge.errors import ConfigError


def test_without_anything_said_settings_are_the_defaults(tmp_path: Path) -> None:
    loaded = load_settings(environment={"RISKBRIDGE_HOME": str(tmp_path)})
    assert loaded == Settings(tmp_path)
    assert loaded.origin("memory_limit_mib") == "default"


def test_the_home_is_in_the_users_directory_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings(environment={}).home == tmp_path / ".riskbridge"


@pytest.mark.parametrize(
    ("file", "environment", "flags", "value", "origin"),
    [
        pytest.param("", {}, {}, 1024, "default", id="default"),
        pytest.param("memory_limit_mib = 200", {}, {}, 200, "riskbridge.toml", id="file"),
        pytest.param(
            "memory_limit_mib = 200",
            {"RISKBRIDGE_MEMORY_LIMIT_MIB": "300"},
            {},
            300,
            "$RISKBRIDGE_MEMORY_LIMIT_MIB",
            id="environment over file",
        ),
        pytest.param(
            "memory_limit_mib = 200",
            {"RISKBRIDGE_MEMORY_LIMIT_MIB": "300"},
            {"memory_limit_mib": 400},
            400,
            "flag",
            id="flag over environment",
        ),
        pytest.param(
            "memory_limit_mib = 200",
            {"RISKBRIDGE_MEMORY_LIMIT_MIB": ""},
            {"memory_limit_mib": None},
            200,
            "riskbridge.toml",
            id="empty is not given",
        ),
    ],
)
def test_a_value_comes_from_the_nearest_place_and_knows_it(
    tmp_path: Path, *, file: str, environment: dict[str, str], flags: dict[str, int], value: int, origin: str
) -> None:
    (tmp_path / "riskbridge.toml").write_text(file)
    loaded = load_settings(home=tmp_path, environment=environment, flags=flags)
    assert (loaded.memory_limit_mib, loaded.origin("memory_limit_mib").split("/")[-1]) == (value, origin)


@pytest.mark.parametrize(
    ("flag", "environment", "origin"),
    [
        pytest.param("flagged", {"RISKBRIDGE_HOME": "elsewhere"}, "flag", id="flag"),
        pytest.param(None, {"RISKBRIDGE_HOME": "flagged"}, "$RISKBRIDGE_HOME", id="environment"),
    ],
)
def test_the_home_is_absolute_and_knows_where_it_came_from(
    flag: str | None, environment: dict[str, str], origin: str
) -> None:
    loaded = load_settings(home=Path(flag) if flag else None, environment=environment)
    assert (loaded.home, loaded.origin("home")) == (Path.cwd() / "flagged", origin)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param('log_level = "DEBUG"', {"log_level": "debug"}, id="word in any case"),
        pytest.param("log_json = true", {"log_json": True}, id="switch"),
        pytest.param("threads = 1\nstaging_runs_kept = 100", {"threads": 1, "staging_runs_kept": 100}, id="bounds"),
    ],
)
def test_a_file_may_say(tmp_path: Path, file: str, expected: dict[str, object]) -> None:
    (tmp_path / "riskbridge.toml").write_text(file)
    assert load_settings(home=tmp_path, environment={}) == replace(Settings(tmp_path), **expected)


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("1", True), ("FALSE", False), ("0", False)])
def test_a_variable_may_switch(tmp_path: Path, text: str, *, value: bool) -> None:
    assert load_settings(home=tmp_path, environment={"RISKBRIDGE_LOG_JSON": text}).log_json is value


@pytest.mark.parametrize(
    ("file", "code", "said"),
    [
        pytest.param("threads = 0", "settings.bad-value", "Give a whole number from 1 to 256.", id="too low"),
        pytest.param("threads = 257", "settings.bad-value", "Give a whole number from 1 to 256.", id="too high"),
        pytest.param("threads = true", "settings.bad-value", "threads from {file} is True.", id="truth for a number"),
        pytest.param("threads = 1.5", "settings.bad-value", "threads from {file} is 1.5.", id="fraction"),
        pytest.param("threads = 'two'", "settings.bad-value", "threads from {file} is 'two'.", id="word for a number"),
        pytest.param("log_level = 'loud'", "settings.bad-value", "one of debug, info, warning, error", id="other word"),
        pytest.param("log_json = 'maybe'", "settings.bad-value", "Give true or false.", id="neither"),
        pytest.param("thread = 2", "settings.unknown", "Did you mean threads?", id="misspelt"),
        pytest.param("home = '/x'", "settings.unknown", "use --home or RISKBRIDGE_HOME", id="home"),
        pytest.param("threads", "settings.unreadable", "is not valid TOML", id="not TOML"),
        pytest.param(b"\xff", "settings.unreadable", "is not valid TOML", id="not text"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_what_is_allowed(
    tmp_path: Path, file: str | bytes, code: str, said: str
) -> None:
    path = tmp_path / "riskbridge.toml"
    path.write_bytes(file if isinstance(file, bytes) else file.encode())
    with pytest.raises(ConfigError) as caught:
        load_settings(home=tmp_path, environment={})
    assert caught.value.code == code
    assert said.format(file=path) in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_variable_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"threads from \$RISKBRIDGE_THREADS is 'many'"):
        load_settings(home=tmp_path, environment={"RISKBRIDGE_THREADS": "many"})


def test_a_flag_that_is_no_setting_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="flag sets 'colour'"):
        load_settings(home=tmp_path, environment={}, flags={"colour": "red"})


def test_a_settings_file_that_is_a_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "riskbridge.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(home=tmp_path, environment={})


def test_a_home_of_nobody_is_told() -> None:
    with pytest.raises(ConfigError, match="Give a whole path"):
        load_settings(home=Path("~nobody-has-this-name/x"), environment={})


def test_other_variables_are_left_alone(tmp_path: Path) -> None:
    assert load_settings(home=tmp_path, environment={"RISKBRIDGE_CLIENT_SECRET": "x"}) == Settings(tmp_path)


def test_everything_kept_is_inside_the_home(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    names = [
        settings.file_path,
        settings.config_path,
        settings.warehouse_path,
        settings.staging_path,
        settings.feeds_path,
        settings.simulator_path,
    ]
    assert [p.relative_to(tmp_path).as_posix() for p in names] == [
        "riskbridge.toml",
        "config.db",
        "warehouse.duckdb",
        "staging",
        "feeds",
        "simulator",
    ]


def test_every_setting_is_described() -> None:
    described = describe_settings()
    assert [d.name for d in described] == [
        "home",
        "memory_limit_mib",
        "threads",
        "staging_runs_kept",
        "largest_drop_percent",
        "largest_upload_mib",
        "largest_merge",
        "file_folders",
        "home_wait_s",
        "log_level",
        "log_json",
    ]
    assert [d.default for d in described] == [
        DEFAULT_HOME,
        "1024",
        "cores of the machine",
        "3",
        "50",
        "2048",
        "50",
        "none",
        "10",
        "warning",
        "false",
    ]
    assert described[1].variable == "RISKBRIDGE_MEMORY_LIMIT_MIB"
