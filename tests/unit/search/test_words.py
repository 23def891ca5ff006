from __future__ import annotations

import pyarrow as pa
import pytest

from riskbridge.search.words import find_phrase, match_wildcard, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Remote Code", ["remote", "code"]),
        ("wks-0042/x", ["wks", "0042", "x"]),
        ("qualys.corp.com", ["qualys.corp.com"]),
        ("10.0.26100", ["10.0.26100"]),
        ("10,125", ["10,125"]),
        ("a,b", ["a", "b"]),
        ("102354.qualys", ["102354", "qualys"]),
        ("end. (next)", ["end", "next"]),
        ("windows_11", ["windows_11"]),
        ("İstanbul", ["istanbul"]),
    ],
)
def test_text_falls_into_words(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "search", "is_found"),
    [
        ("qualys.corp.com", "qual", True),
        ("qualys.corp.com", "qualys.corp", True),
        ("qualys.corp.com", "corp", False),
        ("10,125", "10", True),
        ("10,125", "125", False),
        ("102354.qualys", "1023", True),
        ("102354.qualys", "qualy", True),
        ("102354.qualys", "354", False),
        ("Remote Code Execution", "CODE exec", True),
        ("Remote Code Execution", "remote execution", False),
        ("Remote  (code) execution", "remote code", True),
        ("a,b", "b", True),
        ("c++ library (x)", "c++", True),
        ("C:\\Program Files", "program files", True),
        ("İSTANBUL office", "istanbul", True),
        ("anything", "-", True),
        (None, "a", False),
        ("", "a", False),
    ],
)
def test_words_are_found_by_their_beginnings_side_by_side(connection, text, search, is_found):
    table = connection.create_table("texts", pa.table({"text": pa.array([text], pa.string())}), overwrite=True)
    found = table.filter(find_phrase(table.text, split_words(search)))

    assert connection.to_pyarrow(found.count()).as_py() == int(is_found)


@pytest.mark.parametrize(
    ("text", "pattern", "is_matched"),
    [
        ("device", "dev*", True),
        ("device", "*ICE", True),
        ("device", "*vic*", True),
        ("device", "d*c*e", True),
        ("device", "d*x*e", False),
        ("ab", "ab*b", False),
        ("a.b", "a.*", True),
        ("axb", "a.*", False),
        ("100%", "1*%", True),
        ("100x", "1*%", False),
        ("a\nb", "a*b*", True),
        ("", "*", True),
    ],
)
def test_a_star_stands_for_anything(connection, text, pattern, is_matched):
    table = connection.create_table("texts", pa.table({"text": [text]}), overwrite=True)
    found = table.filter(match_wildcard(table.text, pattern))

    assert connection.to_pyarrow(found.count()).as_py() == int(is_matched)
