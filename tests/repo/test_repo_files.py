"""Claims about every file of the repository."""

import re
from pathlib import Path

# In pieces, so that this file does not name them either.
PRIVATE = re.compile(r"(?<![\w.])/(?:wo" r"rk|home/\w+|tmp/la" r"b)/|\.\./sha" r"red")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def test_no_file_names_a_path_of_one_machine(project_files: list[Path], root: Path) -> None:
    found = {
        path.relative_to(root).as_posix(): match[0]
        for path in project_files
        if (text := _text(path)) is not None and (match := PRIVATE.search(text))
    }
    assert found == {}


def test_no_file_is_large(project_files: list[Path], root: Path) -> None:
    large = {p.relative_to(root).as_posix(): p.stat().st_size for p in project_files if p.name != "uv.lock"}
    assert {name: size for name, size in large.items() if size > 1_000_000} == {}


def test_test_files_have_names_of_their_own(project_files: list[Path]) -> None:
    names = [p.name for p in project_files if p.name.startswith("test_")]
    assert sorted(n for n in set(names) if names.count(n) > 1) == []


def test_every_file_ends_in_one_line_end(project_files: list[Path], root: Path) -> None:
    texts = {p.relative_to(root).as_posix(): _text(p) for p in project_files if p.suffix in (".py", ".md", ".toml")}
    assert [name for name, text in texts.items() if text and (not text.endswith("\n") or text.endswith("\n\n"))] == []
