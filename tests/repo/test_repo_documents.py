"""Claims about what people read: README, changelog, decisions, the make targets."""

import re
from pathlib import Path

import pytest

from riskbridge.cli import load_commands

app = load_commands()
ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "explanation" / "decisions").glob("*.md"))
SECTIONS = ["Forces", "Decision", "What we gave up", "The measurement that would reverse it"]
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """The lines of a document's shell blocks, and its inline code, without prompts."""
    blocks = re.findall(r"^```(?:sh|bash|shell|console)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ").strip() for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"(?<!`)`([^`\n]+)`(?!`)", _FENCE.sub("", text))


def documents() -> list[Path]:
    return [
        p for p in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))) if p.is_file()
    ]


@pytest.mark.parametrize("path", documents(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_document_names_make_targets_that_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {m[1] for c in commands(path.read_text(encoding="utf-8")) if (m := re.match(r"make ([a-z]+)", c))}
    assert named - targets == set()


@pytest.mark.parametrize("path", documents(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_document_names_commands_that_exist(path: Path) -> None:
    known = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback is not None}
    known |= {g.name for g in app.registered_groups if isinstance(g.name, str)}
    named = {
        m[1] for c in commands(path.read_text(encoding="utf-8")) if (m := re.match(r"(?:\S*/)?riskbridge ([a-z]+)", c))
    }
    assert named - known == set()


@pytest.mark.parametrize("path", documents(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_document_links_to_files_that_exist(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", _FENCE.sub("", path.read_text(encoding="utf-8")))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_readme_says_how_to_try_and_how_to_test() -> None:
    named = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [c for c in ("make demo", "make test") if c not in named] == []


def test_every_make_target_explains_itself() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert targets is not None
    assert [t for t in targets[1].split() if not re.search(rf"^{t}:.*## \S", text, re.MULTILINE)] == []


def test_the_changelog_has_a_place_for_the_next_release() -> None:
    assert re.search(r"^## \[?Unreleased\]?", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [p.name[:4] for p in DECISIONS]
    assert [n for n in numbers if numbers.count(n) > 1 or not n.isdigit()] == []


@pytest.mark.parametrize("path", DECISIONS, ids=lambda p: p.stem)
def test_a_decision_says_why_and_what_would_reverse_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)\n+(\S[^\n]*)", text, re.MULTILINE)
    assert re.match(rf"# {int(path.name[:4])}\. \S", text)
    assert re.search(r"^Status: (accepted|superseded by \d{4})$", text, re.MULTILINE)
    assert [title for title, _ in sections] == SECTIONS
    assert len(text.splitlines()) <= 60


def test_ci_runs_the_test_and_check_targets() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert [line for line in script.read_text().splitlines() if line.startswith("make ")] == ["make test", "make check"]
