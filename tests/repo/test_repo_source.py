"""Claims about every module of the package."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
MODULES = sorted(p for p in SOURCE.rglob("*.py") if "versions" not in p.parts)
NAMES = [p.relative_to(SOURCE).as_posix() for p in MODULES]
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_CODE = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z0-9]+(-[a-z0-9]+)*")


def public(node: ast.AST, name: str) -> Iterator[tuple[str, _Documented]]:
    """A module and everything in it that is public by its name, nested functions left out."""
    if isinstance(node, ast.Module):
        yield name, node
    for child in getattr(node, "body", []):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            yield f"{name}.{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{name}.{child.name}")


def says_little(node: _Documented, name: str) -> bool:
    """No docstring, or, of a module or class, one that only repeats the name."""
    words = set(re.findall(r"[a-z]+", (ast.get_docstring(node) or "").lower()))
    is_noun = isinstance(node, ast.Module | ast.ClassDef)
    return not words or (is_noun and words <= set(re.findall(r"[a-z]+", name.lower())))


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_everything_public_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [
        name
        for name, node in public(tree, ".".join(path.relative_to(SOURCE).with_suffix("").parts))
        if says_little(node, name) and not _is_protocol_stub(node) and not _is_overridden(node)
    ]
    assert silent == []


def _is_protocol_stub(node: _Documented) -> bool:
    """A member of a private Protocol: its class says what it does."""
    return isinstance(node, ast.FunctionDef) and [ast.unparse(s) for s in node.body] == ["..."]


def _is_overridden(node: _Documented) -> bool:
    return not isinstance(node, ast.Module) and any("override" in ast.unparse(d) for d in node.decorator_list)


def raised() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call that names an error code: its class, the code, and the call."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error"):
                for keyword in node.keywords:
                    if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                        yield node.func.id, str(keyword.value.value), node


def test_every_error_code_is_dotted_and_lower_case() -> None:
    assert sorted({code for _, code, _ in raised() if not _CODE.fullmatch(code)}) == []


def branch(name: str, bases: dict[str, str]) -> str:
    """The class of the tree in `errors.py` that an error class descends from."""
    while bases.get(name, "RiskbridgeError") != "RiskbridgeError":
        name = bases[name]
    return name


def test_an_error_code_has_one_remedy_class() -> None:
    bases = {
        node.name: ast.unparse(node.bases[0])
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.bases
    }
    classes = defaultdict(set)
    for kind, code, _ in raised():
        classes[code].add(branch(kind, bases))
    assert {code: sorted(kinds) for code, kinds in classes.items() if len(kinds) > 1} == {}


def test_every_error_says_what_to_do_next() -> None:
    silent = [
        code
        for _, code, call in raised()
        for keyword in call.keywords
        if keyword.arg == "remedy" and isinstance(keyword.value, ast.Constant) and not keyword.value.value
    ]
    assert silent == []


def test_every_error_code_is_in_the_reference(root: Path) -> None:
    reference = root / "docs" / "reference" / "errors.md"
    if not reference.is_file():
        pytest.skip("make docs has not written docs/reference/errors.md")
    text = reference.read_text(encoding="utf-8")
    assert sorted({code for _, code, _ in raised() if f"`{code}`" not in text}) == []


def test_modules_fit_in_a_head() -> None:
    long = {n: len(p.read_text(encoding="utf-8").splitlines()) for n, p in zip(NAMES, MODULES, strict=True)}
    assert {name: lines for name, lines in long.items() if lines > 500} == {}


def test_no_module_is_a_drawer() -> None:
    drawers = {"util", "utils", "common", "helper", "helpers", "misc", "core", "base", "manager", "managers"}
    assert [name for name in NAMES if drawers & set(Path(name).with_suffix("").parts)] == []
