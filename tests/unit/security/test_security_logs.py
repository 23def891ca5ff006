import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from riskbridge.security.logs import set_up_logging
from riskbridge.security.masking import register_secret


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_its_time_in_utc() -> None:
    stream = io.StringIO()
    set_up_logging("info", as_json=True, stream=stream)
    structlog.get_logger().info("page.read", rows=3, connector="Lab", complete=True, next=None)
    (line,) = lines(stream)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "page.read",
        "level": "info",
        "rows": 3,
        "connector": "Lab",
        "complete": True,
        "next": None,
    }


def test_secrets_are_masked_in_names_texts_and_depths() -> None:
    stream = io.StringIO()
    register_secret("known-Secret-1")
    set_up_logging("info", as_json=True, stream=stream)
    structlog.get_logger().info(
        "asked with known-Secret-1",
        client_secret="abc",
        headers={"Authorization": "Bearer x", "Accept": "json"},
        tried=["https://b.test/?sig=abc", 2],
        error=ValueError("known-Secret-1 refused"),
    )
    (line,) = lines(stream)
    del line["timestamp"]
    assert line == {
        "event": "asked with ***",
        "level": "info",
        "client_secret": "***",
        "headers": {"Authorization": "***", "Accept": "json"},
        "tried": ["https://b.test/?sig=***", 2],
        "error": "*** refused",
    }


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_a_traceback_is_masked(*, as_json: bool) -> None:
    stream = io.StringIO()
    register_secret("known-Secret-2")
    set_up_logging("info", as_json=as_json, stream=stream)
    try:
        raise ValueError("known-Secret-2")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("a.library").exception("failed too")
    said = stream.getvalue()
    assert said.count("ValueError: ***") == 2
    assert "known-Secret-2" not in said


def test_a_library_speaks_through_the_same_mask() -> None:
    stream = io.StringIO()
    set_up_logging("info", as_json=True, stream=stream)
    logging.getLogger("a.library").warning("POST %s", "https://b.test/?client_secret=abc")
    (line,) = lines(stream)
    assert (line["event"], line["level"]) == ("POST https://b.test/?client_secret=***", "warning")


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        pytest.param("debug", ["ours debug", "ours info", "ours error", "httpx info"], id="debug"),
        pytest.param("info", ["ours info", "ours error"], id="info"),
        pytest.param("error", ["ours error"], id="error"),
    ],
)
def test_only_the_level_and_above_is_heard(level: str, heard: list[str]) -> None:
    stream = io.StringIO()
    set_up_logging(level, as_json=True, stream=stream)
    log = structlog.get_logger()
    log.debug("ours debug")
    log.info("ours info")
    log.error("ours error")
    logging.getLogger("httpx").info("httpx info")
    assert [line["event"] for line in lines(stream)] == heard


def test_setting_up_again_replaces() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up_logging("info", as_json=True, stream=first)
    set_up_logging("info", as_json=True, stream=second)
    structlog.get_logger().info("once")
    assert (first.getvalue(), len(lines(second))) == ("", 1)


def test_text_has_no_colours_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    set_up_logging("info", stream=stream)
    structlog.get_logger().info("page.read", rows=3)
    assert "page.read" in stream.getvalue()
    assert "rows=3" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
