"""Which files callers over the network may name: those of some folders, whatever links, dots and patterns say."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskbridge.config import load_settings
from riskbridge.errors import InputError
from riskbridge.security.file_folders import FileFolders, secret_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A home with files of its own, a folder that is allowed, one that is not, and links between them."""
    for folder in ("home/files/sub", "home/staging", "exports/deep", "exports2", "private"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("home/secret.key", "home/files/own.csv", "exports/a.csv", "exports/deep/b.csv", "private/c.csv"):
        (tmp_path / file).write_text("x")
    (tmp_path / "exports/inside.csv").symlink_to(tmp_path / "exports/a.csv")
    (tmp_path / "exports/out.txt").symlink_to(tmp_path / "private/c.csv")
    (tmp_path / "private/in.csv").symlink_to(tmp_path / "exports/a.csv")
    return tmp_path


def folders(root: Path, *named: str) -> FileFolders:
    environment = {"RISKBRIDGE_FILE_FOLDERS": ":".join(str(root / n) for n in named)}
    return FileFolders.of(load_settings(home=root / "home", environment=environment))


def code_of(allowed: FileFolders, path: str) -> str | None:
    try:
        allowed.require([("The path", path)])
    except InputError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("home/files/own.csv", None),
        ("home/files/none-yet.csv", None),
        ("exports/a.csv", None),
        ("exports/deep/../a.csv", None),
        ("exports/inside.csv", None),
        ("private/in.csv", None),  # what it leads to counts
        ("exports/*.csv", None),
        ("exports/**/*.csv", None),
        ("exports/none-*.csv", None),
        ("exports2/a.csv", "file.not-allowed"),
        ("exports/../private/c.csv", "file.not-allowed"),
        ("exports/out.txt", "file.not-allowed"),
        ("exports/*", "file.not-allowed"),  # one of them leads out
        ("exports/*/../../private/c.csv", "file.not-allowed"),
        ("*/a.csv", "file.not-allowed"),
        ("private/c.csv", "file.not-allowed"),
        ("private/none.csv", "file.not-allowed"),
        ("home/secret.key", "file.not-allowed"),
        ("home/files/../secret.key", "file.not-allowed"),
        ("home/staging/x.parquet", "file.not-allowed"),
    ],
)
def test_a_file_may_be_named_where_it_really_is_in_a_folder(root: Path, path: str, expected: str | None) -> None:
    assert code_of(folders(root, "exports"), f"{root}/{path}") == expected


@pytest.mark.parametrize("path", ["a.csv", "~/a.csv", "./a.csv", "file:/a.csv", "/a\0.csv"])
def test_a_path_that_is_not_whole_is_refused(root: Path, path: str) -> None:
    assert code_of(folders(root, ""), path) == "file.bad-path"


def test_without_a_setting_the_homes_own_folder_is_all(root: Path) -> None:
    allowed = FileFolders.of(load_settings(home=root / "home", environment={}))
    paths = [f"{root}/{n}" for n in ("home/files/own.csv", "exports/a.csv", "home/secret.key")]
    assert [code_of(allowed, p) for p in paths] == [None, "file.not-allowed", "file.not-allowed"]


def test_a_folder_around_the_home_lends_nothing_of_it(root: Path) -> None:
    allowed = folders(root, "")  # the root itself
    paths = [f"{root}/{n}" for n in ("private/c.csv", "home/files/own.csv", "home/secret.key", "home/*.key")]
    assert [code_of(allowed, p) for p in paths] == [None, None, "file.not-allowed", "file.not-allowed"]


def test_what_is_in_use_may_stay_and_the_rest_is_told_with_a_remedy(root: Path) -> None:
    allowed, path = folders(root, "exports"), str(root / "private/c.csv")
    allowed.require([("The path", path), ("The certificate", None), ("The CA bundle", "")], kept=[path])
    with pytest.raises(InputError) as caught:
        allowed.require([("The certificate", path)], kept=[str(root / "private/in.csv")])
    assert str(root / "home/files") in caught.value.remedy
    assert str(root / "home/riskbridge.toml") in caught.value.remedy


@pytest.mark.parametrize(
    ("secret", "path"), [("file:/x", "/x"), ("file:x", "x"), ("env:X", None), ("x", None), ("", None), (None, None)]
)
def test_a_secret_names_a_file_by_reference_alone(secret: str | None, path: str | None) -> None:
    assert secret_file(secret) == path
