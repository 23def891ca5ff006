"""Settings: file before environment before flag, each value knowing where it came from.

Here is what a person decides about a deployment: where things are, how much may be used. What is decided in the
product, such as the weights of a formula, is in the config store.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from riskbridge.errors import ConfigError

DEFAULT_HOME = "~/.riskbridge"
FILE_NAME = "riskbridge.toml"
LOG_LEVELS = ("debug", "info", "warning", "error")
_PREFIX = "RISKBRIDGE_"


class _Kind(Protocol):
    """What a setting may be: `allowed` in words, and `parse`, which raises `ValueError` for anything else."""

    allowed: str

    def parse(self, value: object) -> object: ...


class _Whole:
    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high
        self.allowed = f"a whole number from {low:,} to {high:,}"

    def parse(self, value: object) -> int:
        number = int(str(value))  # `True` and `1.5` are no whole numbers
        if not self._low <= number <= self._high:
            raise ValueError
        return number


class _Word:
    def __init__(self, *words: str) -> None:
        self._words = words
        self.allowed = "one of " + ", ".join(words)

    def parse(self, value: object) -> str:
        word = str(value).lower()
        if word not in self._words:
            raise ValueError
        return word


class _Switch:
    allowed = "true or false"
    _words: Mapping[str, bool] = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

    def parse(self, value: object) -> bool:
        word = str(value).lower()
        if word not in self._words:
            raise ValueError
        return self._words[word]


class _Folders:
    allowed = f"whole paths of folders, as a list or with '{os.pathsep}' between them"

    def parse(self, value: object) -> tuple[Path, ...]:
        texts = value.split(os.pathsep) if isinstance(value, str) else value
        if not isinstance(texts, list | tuple):
            raise ValueError  # noqa: TRY004 - one error for whatever cannot be
        folders = tuple(Path(str(text)).expanduser() for text in texts if str(text).strip())
        if not all(folder.is_absolute() for folder in folders):
            raise ValueError
        return folders


def _setting(kind: _Kind, description: str, default: Any) -> Any:
    metadata = {"kind": kind, "description": description}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the home is and how much may be used.

    Attributes:
        home: Directory that holds everything riskbridge keeps; absolute.
        memory_limit_mib: What DuckDB may hold in memory before it spills, MiB, 128 or more.
        threads: DuckDB's worker threads, 1 to 256.
        staging_runs_kept: Runs whose raw rows are kept, 1 to 100.
        largest_drop_percent: Share of the open detections that may vanish in one run before closings are held, 1 to 100.
        largest_upload_mib: Size of the largest file that is taken over REST, MiB, 1 to 1,048,576.
        largest_merge: Source records that one value may put together before it counts as a placeholder, 2 to 1,000.
        file_folders: Folders of which callers over the network may name files, besides the home's `files`; absolute.
        home_wait_s: How long a command waits for another one on the same home to end, 0 to 3,600 s.
        log_level: Least severe message that is logged: `debug`, `info`, `warning` or `error`.
        log_json: Log lines are JSON objects.
        origins: Where each value came from, as `origin` tells it.
    """

    home: Path
    memory_limit_mib: int = _setting(_Whole(128, 1 << 20), "What DuckDB may hold in memory before it spills, MiB", 1024)
    threads: int = _setting(_Whole(1, 256), "DuckDB's worker threads", lambda: min(os.cpu_count() or 2, 256))
    staging_runs_kept: int = _setting(_Whole(1, 100), "Runs whose raw rows are kept", 3)
    largest_drop_percent: int = _setting(
        _Whole(1, 100), "Percent of the open detections that may vanish in one run before closings are held", 50
    )
    largest_upload_mib: int = _setting(_Whole(1, 1 << 20), "Size of the largest file taken over REST, MiB", 2048)
    largest_merge: int = _setting(
        _Whole(2, 1_000), "Source records that one value may put together before it counts as a placeholder", 50
    )
    file_folders: tuple[Path, ...] = _setting(
        _Folders(), "Folders of which callers over the network may name files, besides the home's `files`", ()
    )
    home_wait_s: int = _setting(_Whole(0, 3600), "Seconds a command waits for another one on the same home to end", 10)
    log_level: str = _setting(_Word(*LOG_LEVELS), "Least severe message that is logged", "warning")
    log_json: bool = _setting(_Switch(), "Log lines are JSON objects", default=False)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def origin(self, name: str) -> str:
        """Where a setting's value came from: `default`, the file's path, `$VARIABLE` or `flag`."""
        return self.origins.get(name, "default")

    @property
    def file_path(self) -> Path:
        """The settings file; it need not exist."""
        return self.home / FILE_NAME

    @property
    def config_path(self) -> Path:
        """The config store's SQLite file."""
        return self.home / "config.db"

    @property
    def warehouse_path(self) -> Path:
        """The warehouse's DuckDB file."""
        return self.home / "warehouse.duckdb"

    def budget_path(self, tenant_id: str, client_id: str) -> Path:
        """Where the calls of an application in a tenant are remembered: the API counts by these two."""
        return self.home / f"calls-{hashlib.sha256(f'{tenant_id}/{client_id}'.lower().encode()).hexdigest()[:12]}.log"

    @property
    def staging_path(self) -> Path:
        """Raw rows by run and stream."""
        return self.home / "staging"

    @property
    def feeds_path(self) -> Path:
        """Feeds as last read."""
        return self.home / "feeds"

    @property
    def files_path(self) -> Path:
        """Files that callers over the network may name; it need not exist."""
        return self.home / "files"

    @property
    def simulator_path(self) -> Path:
        """The simulator's certificate authority."""
        return self.home / "simulator"


@dataclass(frozen=True, slots=True)
class SettingDescription:
    """What the reference says of a setting: name, variable, meaning, what is allowed, and its default as text."""

    name: str
    variable: str
    description: str
    allowed: str
    default: str


def describe_settings() -> list[SettingDescription]:
    """Every setting, in the order of `Settings`; a default that depends on the machine is told in words."""
    shown = [SettingDescription("home", f"{_PREFIX}HOME", "Where everything is kept", "a directory", DEFAULT_HOME)]
    for f in fields(Settings):
        if f.metadata:
            default = _default_as_text(f.default)
            kind: _Kind = f.metadata["kind"]
            shown.append(
                SettingDescription(f.name, _variable(f.name), f.metadata["description"], kind.allowed, default)
            )
    return shown


def _default_as_text(default: object) -> str:
    if default == ():
        return "none"
    return str(default).lower() if isinstance(default, bool | int | str) else "cores of the machine"


def load_settings(
    *, home: Path | None = None, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings for a command: defaults, then `<home>/riskbridge.toml`, then `RISKBRIDGE_…`, then flags.

    The home itself comes from the flag, `RISKBRIDGE_HOME` or the default. A flag of None and an empty variable count as
    not given; variables that are no setting are left alone, since a secret may be kept in one.

    Raises:
        ConfigError: `settings.*`: a value or the file cannot be used; says which, whence it came and what is allowed.
    """
    env = os.environ if environment is None else environment
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    where = _home(home, env, origins)
    file = where / FILE_NAME
    for name, value in _read_file(file).items():
        values[name], origins[name] = value, str(file)
    for name in _kinds():
        if env.get(_variable(name)):
            values[name], origins[name] = env[_variable(name)], f"${_variable(name)}"
    for name, flag in (flags or {}).items():
        if flag is not None:
            values[name], origins[name] = flag, "flag"
    checked: dict[str, Any] = {name: _check(name, value, origins[name]) for name, value in values.items()}
    return Settings(home=where, origins=origins, **checked)


def _kinds() -> dict[str, _Kind]:
    return {f.name: f.metadata["kind"] for f in fields(Settings) if f.metadata}


def _variable(name: str) -> str:
    return _PREFIX + name.upper()


def _home(home: Path | None, env: Mapping[str, str], origins: dict[str, str]) -> Path:
    chosen = DEFAULT_HOME
    if home is not None:
        chosen, origins["home"] = str(home), "flag"
    elif env.get(_variable("home")):
        chosen, origins["home"] = env[_variable("home")], f"${_variable('home')}"
    try:
        return Path(chosen).expanduser().absolute()
    except RuntimeError as error:  # `~name` of nobody, or no HOME at all
        raise ConfigError(
            f"The home directory {chosen} cannot be found: {error}",
            code="settings.bad-value",
            remedy="Give a whole path with --home or RISKBRIDGE_HOME.",
        ) from error


def _read_file(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The settings file {path} is not valid TOML: {error}.",
            code="settings.unreadable",
            remedy="Mend or remove the file.",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"The settings file {path} cannot be read: {error.strerror}.",
            code="settings.unreadable",
            remedy="Make it a file that this user may read, or remove it.",
        ) from error


def _check(name: str, value: object, origin: str) -> object:
    kinds = _kinds()
    if name not in kinds:
        near = difflib.get_close_matches(name, kinds, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        if name == "home":
            hint = "The file is found through the home, so it cannot move it: use --home or RISKBRIDGE_HOME. "
        raise ConfigError(
            f"{origin} sets '{name}', which is no setting.",
            code="settings.unknown",
            remedy=f"{hint}Settings are: {', '.join(sorted(kinds))}.",
        )
    try:
        return kinds[name].parse(value)
    except ValueError as error:
        raise ConfigError(
            f"{name} from {origin} is {value!r}.",
            code="settings.bad-value",
            remedy=f"Give {kinds[name].allowed}.",
        ) from error
