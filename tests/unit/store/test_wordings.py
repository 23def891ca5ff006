from __future__ import annotations

from pathlib import Path

from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.statements import Wordings


def test_two_homes_have_one_wording_of_one_question_and_each_its_own_answer(tmp_path: Path) -> None:
    said, found = [], []
    for number, name in enumerate(("one", "two")):
        engine = DuckDBEngine(tmp_path / f"{name}.duckdb")
        engine.execute(f"CREATE TABLE thing AS SELECT {number} AS n, 'x' AS word")
        asked = engine.table("thing").filter(lambda t: t.word == "x").select("n")
        said.append(engine.sql(asked))
        found.append(engine.records(asked))
        engine.close()
    assert said[0] is said[1]
    assert found == [[{"n": 0}], [{"n": 1}]]


def test_what_differs_in_a_type_or_a_constant_has_another_wording(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    engine.execute("CREATE TABLE thing AS SELECT 1 AS n")
    thing = engine.table("thing")
    same, other = thing.filter(thing.n == 1), thing.filter(thing.n == 2)
    engine.execute("CREATE TABLE text AS SELECT '1' AS n")
    engine.execute("DROP TABLE thing; ALTER TABLE text RENAME TO thing")
    text = engine.backend.table("thing")
    said = {engine.sql(e) for e in (same, other, text.filter(text.n == "1"), thing, text)}
    engine.close()
    assert len(said) == 4  # the two bare tables differ in their types alone, which a SELECT * does not say


def test_the_wording_asked_for_longest_ago_is_forgotten_first() -> None:
    kept, made = Wordings(most=2), []

    def ask(name: str) -> str:
        return kept.find(name, lambda: made.append(name) or name.upper())

    assert [ask(name) for name in "abacab"] == list("ABACAB")
    assert made == ["a", "b", "c", "b"]
