"""Which files a person's paths, globs and uploads are."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from riskbridge.errors import ConfigError, InputError
from riskbridge.model.file_settings import UPLOAD, Taking

MOST_FILES = 10_000


def find_files(patterns: Sequence[str], *, takes: str, home: Path) -> list[Path]:
    """The files, each once: those of the first pattern by name, then those of the next.

    Args:
        patterns: Absolute paths, globs (`**` is any number of folders) and `upload:NAME`.
        takes: `all`, or the `newest` of each pattern.
        home: The home directory, of which uploads and the folder `files` alone may be read.

    Raises:
        ConfigError: `file.missing`: a pattern that matches nothing; `file.too-many`.
        InputError: `file.bad-path`: it is relative, or within the home, but not in its folder `files`.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        matching = _matching(pattern, home)
        if takes == Taking.NEWEST:
            matching = [max(matching, key=lambda path: (path.stat().st_mtime_ns, path.name))]
        found |= dict.fromkeys(matching)
        if len(found) > MOST_FILES:
            raise ConfigError(
                f"{pattern} matches more than {MOST_FILES:,} files.",
                code="file.too-many",
                remedy="Name a narrower pattern, or take the newest file alone.",
            )
    return list(found)


def require_readable_paths(patterns: Sequence[str], home: Path) -> None:
    """Raise for a path that may not be named.

    Raises:
        InputError: `file.bad-path`.
    """
    for pattern in patterns:
        if pattern.startswith(UPLOAD):
            upload_path(pattern.removeprefix(UPLOAD), home)
        elif not Path(pattern).is_absolute() or "\0" in pattern:
            raise _bad_path(pattern, "is not a whole path", "Name the file from the root of the file system on.")
        elif _is_private(Path(pattern), home):
            raise _bad_path(
                pattern, "is within the home directory", f"Put files into {home / 'files'}, or upload them."
            )


def uploads_path(home: Path) -> Path:
    """Where uploaded files are."""
    return home / "uploads"


def upload_path(name: str, home: Path) -> Path:
    """Where the uploaded file of that name is, or would be.

    Raises:
        InputError: `file.bad-path`: it is no plain file name.
    """
    is_plain = name == Path(name).name and not name.startswith(".") and name.isprintable() and len(name.encode()) <= 200
    if not is_plain or not name:
        raise _bad_path(name[:80], "cannot name an upload", "Choose a plain file name, such as tenable.csv.")
    return uploads_path(home) / name


def _matching(pattern: str, home: Path) -> list[Path]:
    require_readable_paths([pattern], home)
    if pattern.startswith(UPLOAD):
        path = upload_path(pattern.removeprefix(UPLOAD), home)
        if not path.is_file():
            raise ConfigError(
                f"There is no upload named '{path.name}'.",
                code="file.missing",
                remedy="Upload it with: riskbridge upload FILE, or over REST.",
            )
        return [path]
    if not glob.has_magic(pattern) or Path(pattern).exists():
        return [Path(pattern)]
    paths = sorted(Path(p) for p in glob.iglob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no whole path
    matching = [p for p in paths if p.is_file() and not _is_private(p, home)]
    if not matching:
        raise ConfigError(
            f"No file matches {pattern}.",
            code="file.missing",
            remedy="Check the pattern, and that the export has been written.",
        )
    return matching


def _is_private(path: Path, home: Path) -> bool:
    """Whether it is in the home, of which the folder `files` alone is for files of people."""
    real, own = path.resolve(), home.resolve()
    return real.is_relative_to(own) and not real.is_relative_to(own / "files")


def _bad_path(path: str, why: str, remedy: str) -> InputError:
    return InputError(f"'{path}' {why}.", code="file.bad-path", remedy=remedy)
