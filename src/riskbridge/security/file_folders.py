"""Of which folders of this machine callers over the network may name files; commands of its owner may name any."""

from __future__ import annotations

import glob
import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from riskbridge.config import Settings
from riskbridge.errors import InputError

_REFERENCE = "file:"
MOST_MATCHES = 10_000
"""Files of a glob that are looked at one by one; a reading refuses more."""


@dataclass(frozen=True, slots=True)
class FileFolders:
    """The folders, and the home, of which nothing but its folder `files` may be named whatever they are.

    Attributes:
        home: The home directory.
        folders: Whole paths, the home's own folder first.
        settings_file: Where more of them can be set, for the remedy.
    """

    home: Path
    folders: tuple[Path, ...]
    settings_file: Path

    @classmethod
    def of(cls, settings: Settings) -> FileFolders:
        """Those that the settings name, and the home's own."""
        return cls(settings.home, (settings.files_path, *settings.file_folders), settings.file_path)

    def require(self, named: Iterable[tuple[str, str | None]], *, kept: Collection[str | None] = ()) -> None:
        """Raise for a file that may not be named; nothing is told of what is there.

        Args:
            named: What each is, such as `The certificate`, and the path or glob that was given; what is empty names none.
            kept: Paths that are in use already, which may stay.

        Raises:
            InputError: `file.not-allowed`; `file.bad-path`: it is no whole path.
        """
        for what, given in named:
            if given and given not in kept:
                self._require(what, given)

    def _require(self, what: str, path: str) -> None:
        if not path.startswith("/") or "\0" in path:
            raise InputError(
                f"{what} '{path[:200]}' is not a whole path.",
                code="file.bad-path",
                remedy="Name the file from the root of the file system on.",
            )
        fixed, rest = _split(path)
        if ".." not in rest and self._holds(fixed) and all(self._holds(found) for found in _matches(path, rest)):
            return
        raise InputError(
            f"{what} '{path[:200]}' is in no folder of which callers over the network may name files.",
            code="file.not-allowed",
            remedy=f"Put the file into {self.folders[0]}, or let the owner of this machine name it in a command, or add its "
            f"folder to file_folders in {self.settings_file}.",
        )

    def _holds(self, path: Path) -> bool:
        """Whether it is in one of them once every link is followed; of the home, nothing but the first counts."""
        real, own = path.resolve(), self.folders[0].resolve()
        if real.is_relative_to(own):
            return True
        is_home = real.is_relative_to(self.home.resolve())
        return not is_home and any(real.is_relative_to(folder.resolve()) for folder in self.folders)


def secret_file(secret: str | None) -> str | None:
    """The path that a secret refers to, as `file:/path`; None where it is none."""
    return secret.removeprefix(_REFERENCE) if secret is not None and secret.startswith(_REFERENCE) else None


def _split(path: str) -> tuple[Path, tuple[str, ...]]:
    """The part of a glob that is the same for all it matches, and the rest."""
    parts = Path(path).parts
    number = next((n for n, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:number]), parts[number:]


def _matches(path: str, rest: tuple[str, ...]) -> Iterator[Path]:
    if rest:
        found = glob.iglob(path, recursive=True)  # noqa: PTH207 - Path.glob takes no whole path
        yield from map(Path, itertools.islice(found, MOST_MATCHES))
