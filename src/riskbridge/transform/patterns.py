"""Regular expressions that every engine reads alike, and that none of them can be kept busy by."""

from __future__ import annotations

import re

LONGEST = 500
"""Characters of a pattern."""
MOST_REPEATS = 1000
"""What nested counts may multiply to; the engine's own library stops there."""

_UNPORTABLE = re.compile(r"\(\?(?:[=!<P#(]|[a-zA-Z-]*[aLux])|\\[1-9ZzGhHvVRXKQEpPuUN]|[*+?}]\+")
_ENDLESS = 0
_COUNT = re.compile(r"\{(\d*)(,?)(\d*)\}")


def check_pattern(pattern: str, group: int) -> None:
    """Raise unless the pattern can be used and has that group.

    No look-around, back-reference, possessive or named group (engines differ), and no repetition within an endless
    repetition, which takes time that grows with the power of a text's length on an engine that backtracks.

    Raises:
        ValueError: With what is wrong.
    """
    if len(pattern) > LONGEST:
        raise ValueError(f"a pattern may have {LONGEST} characters, and this has {len(pattern):,}")
    if "\x00" in pattern:
        raise ValueError("a pattern may not hold a NUL")
    if _UNPORTABLE.search(pattern):
        raise ValueError("look-around, back-references, possessive quantifiers and named groups cannot be used")
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"'{pattern}' is no regular expression: {error}") from error
    if not 0 <= group <= groups:
        raise ValueError(f"'{pattern}' has no group {group}")
    _check_repeats(pattern)


def _check_repeats(pattern: str) -> None:
    """Follow groups and quantifiers; a group that repeats may not be repeated endlessly, nor too often."""
    stack: list[list[int]] = [[]]
    closed: list[int] = []
    for kind, count in _tokens(pattern):
        if kind == "(":
            stack.append([])
        elif kind == ")":
            closed = stack.pop() if len(stack) > 1 else []
            stack[-1] += closed
        elif kind == "repeat":
            _check_repeat(pattern, count, closed)
            stack[-1].append(count * max(closed, default=1))
        if kind != ")":
            closed = []


def _check_repeat(pattern: str, count: int, inner: list[int]) -> None:
    if inner and (count == _ENDLESS or _ENDLESS in inner):
        raise ValueError(f"'{pattern}' repeats what repeats: on a long text that takes forever")
    if count * max(inner, default=1) > MOST_REPEATS:
        raise ValueError(f"'{pattern}' repeats more than {MOST_REPEATS:,} times")


def _tokens(pattern: str) -> list[tuple[str, int]]:
    """Groups' brackets and quantifiers in order; `repeat` carries the most times, `_ENDLESS` without an end."""
    found: list[tuple[str, int]] = []
    place, is_set = 0, False
    while place < len(pattern):
        character = pattern[place]
        count = _COUNT.match(pattern, place)
        if character == "\\":
            place += 1
            found.append(("other", 0))
        elif is_set or character == "[":
            # A bracket right after the opening one, or after its ^, is a member.
            if not is_set and pattern[place + 1 : place + 3].startswith(("]", "^]")):
                place += 1 + (pattern[place + 1] == "^")
            is_set = character != "]" or not is_set
            found.append(("other", 0))
        elif character in "()":
            found.append((character, 0))
            place += 2 if pattern[place : place + 3] == "(?:" else 0
        elif character in "*+":
            found.append(("repeat", _ENDLESS))
        elif count and (count[1] or count[3]):
            most = count[3] or ("" if count[2] else count[1])
            found.append(("repeat", int(most) if most else _ENDLESS))
            place += len(count[0]) - 1
        elif character != "?":
            found.append(("other", 0))
        place += 1
    return found
