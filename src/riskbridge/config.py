"""Settings: file before environment before flag, each value knowing where it came from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from riskbridge.errors import ConfigError

DEFAULT_HOME = "~/.riskbridge"
FILE_NAME = "riskbridge.toml"
_BOUNDS = {"memory_limit_mib": (128, 1 << 20), "threads": (1, 256), "staging_runs_kept": (1, 100)}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the home is and how much may be used.

    Attributes:
        home: Directory that holds everything riskbridge keeps.
        memory_limit_mib: What DuckDB may hold in memory before it spills, MiB, 128 or more.
        threads: DuckDB's worker threads, 1 to 256.
        staging_runs_kept: Runs whose raw rows are kept, 1 to 100.
        origins: Where each value came from: `default`, the file's path, `$VARIABLE` or `flag`.
    """

    home: Path
    memory_limit_mib: int = 1024
    threads: int = field(default_factory=lambda: os.cpu_count() or 2)
    staging_runs_kept: int = 3
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def config_path(self) -> Path:
        """The config store's SQLite file."""
        return self.home / "config.db"

    @property
    def warehouse_path(self) -> Path:
        """The warehouse's DuckDB file."""
        return self.home / "warehouse.duckdb"

    @property
    def staging_path(self) -> Path:
        """Raw rows by run and stream."""
        return self.home / "staging"

    @property
    def feeds_path(self) -> Path:
        """Feeds as last read."""
        return self.home / "feeds"

    @property
    def simulator_path(self) -> Path:
        """The simulator's certificate authority."""
        return self.home / "simulator"


def load_settings(
    *, home: Path | None = None, flags: Mapping[str, int] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings for a command: defaults, then `<home>/riskbridge.toml`, then `RISKBRIDGE_…`, then flags.

    Raises:
        ConfigError: `settings.*`: a value or the file cannot be used; says which, where it came from and what is allowed.
    """
    env = os.environ if environment is None else environment
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    where = _home(home, env, origins)
    for name, value in _read_file(where / FILE_NAME).items():
        values[name], origins[name] = value, str(where / FILE_NAME)
    for name in _BOUNDS:
        variable = f"RISKBRIDGE_{name.upper()}"
        if env.get(variable):
            values[name], origins[name] = env[variable], f"${variable}"
    for name, flag in (flags or {}).items():
        values[name], origins[name] = flag, "flag"
    checked = {name: _check(name, value, origins[name]) for name, value in values.items()}
    defaults = {f.name: "default" for f in fields(Settings) if f.name not in ("origins",)}
    return Settings(home=where, origins=defaults | origins, **checked)


def _home(home: Path | None, env: Mapping[str, str], origins: dict[str, str]) -> Path:
    if home is not None:
        origins["home"] = "flag"
        return home.expanduser().absolute()
    if env.get("RISKBRIDGE_HOME"):
        origins["home"] = "$RISKBRIDGE_HOME"
        return Path(env["RISKBRIDGE_HOME"]).expanduser().absolute()
    return Path(DEFAULT_HOME).expanduser().absolute()


def _read_file(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The settings file {path} is not valid TOML: {error}.",
            code="settings.unreadable",
            remedy="Mend or remove the file.",
        ) from error


def _check(name: str, value: object, origin: str) -> int:
    if name not in _BOUNDS:
        raise ConfigError(
            f"{origin} sets '{name}', which is no setting.",
            code="settings.unknown",
            remedy=f"Remove it. Settings are: {', '.join(sorted(_BOUNDS))}.",
        )
    low, high = _BOUNDS[name]
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise ConfigError(
            f"{name} from {origin} is {value!r}.",
            code="settings.bad-value",
            remedy=f"Give a whole number from {low:,} to {high:,}.",
        )
    return number
