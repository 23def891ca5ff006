from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from riskbridge.errors import ConfigError, FatalError, RetryableError
from riskbridge.model.source_model import MACHINES, MACHINES_VULNERABILITIES, SourceModel
from riskbridge.source.defender.api import DefenderApi
from riskbridge.source.defender.links import StreamLinks
from riskbridge.source.defender.reading import StreamReading
from riskbridge.source.protocol import RawPage

Pages = Callable[..., Iterator[RawPage]]


def device(number: int) -> dict[str, str]:
    return {"id": f"d{number}"}


@pytest.fixture
def read(api: DefenderApi, server: Any) -> Pages:
    def pages(
        model: SourceModel = MACHINES,
        *,
        size: int | None = None,
        request: str | None = None,
        number: int = 0,
        **options: Any,
    ) -> Iterator[RawPage]:
        links = StreamLinks.of(model, server.url, options.get("filter_text"), size)
        return StreamReading(api, model, links).pages(request or links.request(), number)

    return pages


def ids(pages: Iterator[RawPage]) -> list[str]:
    return [i for p in pages for i in p.rows["id"].to_pylist()]


def test_links_are_followed_to_the_end(server: Any, read: Pages, reply: Any, make_page: Any) -> None:
    following = f"{server.url}/api/machines?$skip=2"
    server.replies = [reply(body=make_page([device(1), device(2)], following)), reply(body=make_page([device(3)]))]
    first, second = read()
    assert server.paths == ["/api/machines", "/api/machines?$skip=2"]
    assert (first.number, first.request, first.next_link, first.next_request, first.received) == (
        0, f"{server.url}/api/machines", following, following, 2,
    )  # fmt: skip
    assert (second.number, second.request, second.next_request) == (1, following, None)
    assert first.rows["page"].to_pylist() + second.rows["page"].to_pylist() == [0, 0, 1]


def test_skip_is_stepped_until_a_page_is_short(server: Any, read: Pages, reply: Any, make_page: Any) -> None:
    sizes = iter([2, 2, 1])
    numbers = count()
    server.route = lambda _: reply(body=make_page([device(next(numbers)) for _ in range(next(sizes))]))
    assert ids(read(size=2)) == ["d0", "d1", "d2", "d3", "d4"]
    assert server.paths == [f"/api/machines?$top=2&$skip={n}" for n in (0, 2, 4)]


def test_a_full_last_page_is_followed_by_an_empty_one(server: Any, read: Pages, reply: Any, make_page: Any) -> None:
    server.replies = [reply(body=make_page([device(1)])), reply(body=make_page([]))]
    assert [p.received for p in read(size=1)] == [1, 0]


def test_reading_goes_on_from_a_request(server: Any, read: Pages, reply: Any, make_page: Any) -> None:
    server.replies = [reply(body=make_page([device(9)]))]
    (only,) = read(request=f"{server.url}/api/machines?$skip=30000", number=3)
    assert (only.number, only.rows["page"].to_pylist(), server.paths) == (3, [3], ["/api/machines?$skip=30000"])


@dataclass
class Broken:
    reply: dict[str, Any]
    waits: int = 1


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Broken({"status": 500, "body": b'{"error":{"code":"InternalServerError"}}'}), id="500"),
        pytest.param(Broken({"status": 502, "body": b"<html>"}), id="502 in HTML"),
        pytest.param(Broken({"body": b"<html>Sign in</html>"}), id="HTML with 200"),
        pytest.param(Broken({"body": b""}), id="nothing with 200"),
        pytest.param(Broken({"body": b'{"value":[{"id":"d1"},{"id":'}), id="half a page of the promised length"),
        pytest.param(Broken({"body": b'{"value":[{"id":"d1"}]}', "cut_at": 9}), id="connection lost in the page"),
        pytest.param(Broken({"is_reset": True}), id="reset"),
        pytest.param(Broken({"status": 429, "headers": {"Retry-After": "8"}}), id="throttled"),
        pytest.param(Broken({"status": 401, "body": b""}, waits=0), id="token expired on the way"),
    ],
)
def test_the_same_page_is_asked_for_again(
    server: Any, read: Pages, reply: Any, *, make_page: Any, clock: Any, broken: Broken
) -> None:
    following = f"{server.url}/api/machines?$skip=1"
    server.replies = [
        reply(body=make_page([device(1)], following)),
        reply(**broken.reply),
        reply(body=make_page([device(2)])),
    ]
    assert ids(read()) == ["d1", "d2"]
    assert server.paths == ["/api/machines", "/api/machines?$skip=1", "/api/machines?$skip=1"]
    assert len(clock.waits) == broken.waits


def test_throttling_waits_the_seconds_it_is_told(
    server: Any, read: Pages, reply: Any, *, make_page: Any, clock: Any, api: DefenderApi
) -> None:
    message = json.dumps({"error": {"message": "API calls quota exceeded! You can send requests again in 21 seconds."}})
    server.replies = [
        reply(429, headers={"Retry-After": "8"}),
        reply(429, message.encode()),
        reply(body=make_page([device(1)])),
    ]
    assert ids(read()) == ["d1"]
    assert clock.waits == [8, 21]
    assert (api.traffic.calls, api.traffic.throttle_waits, api.traffic.throttle_wait_s) == (3, 2, 29)


def test_a_token_is_renewed_once_and_sent_with_the_same_request(
    server: Any, read: Pages, reply: Any, make_page: Any
) -> None:
    server.replies = [reply(401), reply(body=make_page([device(1)]))]
    assert ids(read()) == ["d1"]
    assert [s.headers["authorization"] for s in server.seen] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize(
    ("replies", "kind", "code"),
    [
        pytest.param([{"status": 401}] * 2, FatalError, "defender.unauthorised", id="fresh token refused"),
        pytest.param([{"status": 500}] * 3, RetryableError, "defender.server-error", id="500 for ever"),
        pytest.param([{"body": b"<html>"}] * 3, RetryableError, "defender.not-a-page", id="HTML for ever"),
        pytest.param([{"status": 400}], ConfigError, "defender.bad-request", id="bad request"),
        pytest.param([{"status": 403}], FatalError, "defender.forbidden", id="forbidden"),
        pytest.param([{"status": 404, "body": b"<html>"}], FatalError, "defender.not-found", id="a web server's 404"),
        pytest.param([{"status": 302}], FatalError, "defender.unexpected-status", id="redirect"),
    ],
)
def test_what_does_not_pass_ends_the_reading(
    server: Any, read: Pages, reply: Any, *, replies: list[dict[str, Any]], kind: type[Exception], code: str
) -> None:
    server.replies = [reply(**r) for r in replies]
    with pytest.raises(kind) as caught:
        list(read())
    assert caught.value.code == code  # type: ignore[attr-defined]
    assert server.replies == []


def test_no_device_at_all_is_an_empty_page_with_a_warning(server: Any, read: Pages, reply: Any) -> None:
    server.replies = [reply(404, b'{"error":{"code":"ResourceNotFound","message":"No recent machines"}}')]
    (only,) = read()
    assert (only.received, only.rows.num_rows, only.next_request) == (0, 0, None)
    assert "404" in only.warnings[0]


def test_a_missing_list_of_findings_is_no_empty_one(server: Any, read: Pages, reply: Any) -> None:
    server.replies = [reply(404, b'{"error":{"code":"NotFound","message":"x"}}')]
    with pytest.raises(FatalError) as caught:
        list(read(MACHINES_VULNERABILITIES))
    assert caught.value.code == "defender.not-found"


def test_the_token_is_never_sent_to_a_foreign_host(server: Any, read: Pages, reply: Any, make_page: Any) -> None:
    server.replies = [reply(body=make_page([device(1)], "https://evil.example.test/api/machines?$skip=1"))]
    with pytest.raises(FatalError) as caught:
        list(read())
    assert caught.value.code == "defender.foreign-host"
    assert len(server.seen) == 1


def test_a_remembered_request_is_held_to_the_same_hosts(server: Any, read: Pages) -> None:
    with pytest.raises(FatalError) as caught:
        list(read(request="https://evil.example.test/api/machines"))
    assert (caught.value.code, server.seen) == ("defender.foreign-host", [])


def test_a_link_that_was_followed_before_ends_the_reading(server: Any, read: Pages, reply: Any, make_page: Any) -> None:
    numbers = count()
    first = f"{server.url}/api/machines"
    server.route = lambda _: reply(body=make_page([device(next(numbers))], first))
    with pytest.raises(FatalError) as caught:
        list(read())
    assert (caught.value.code, len(server.seen)) == ("defender.endless-paging", 1)


def test_the_same_page_under_new_links_ends_the_reading(server: Any, read: Pages, reply: Any, make_page: Any) -> None:
    numbers = count(1)
    server.route = lambda _: reply(
        body=make_page([device(1), device(2)], f"{server.url}/api/machines?$skip={next(numbers)}")
    )
    with pytest.raises(FatalError) as caught:
        list(read())
    assert (caught.value.code, len(server.seen)) == ("defender.endless-paging", 2)


def test_one_record_may_come_twice_but_not_for_ever(server: Any, read: Pages, reply: Any, make_page: Any) -> None:
    server.route = lambda _: reply(body=make_page([device(1)]))
    with pytest.raises(FatalError) as caught:
        list(read(size=1))
    assert (caught.value.code, len(server.seen)) == ("defender.endless-paging", 3)


def test_rejects_and_unknown_fields_travel_with_their_page(
    server: Any, read: Pages, reply: Any, make_page: Any
) -> None:
    server.replies = [reply(body=make_page([device(1) | {"new": 1}, {"id": None}]))]
    (only,) = read()
    assert (only.received, only.rows.num_rows, only.rejects.num_rows) == (2, 1, 1)
    assert only.unknown_fields == ("new",)
    assert "new" in only.warnings[0]


def test_pages_before_a_failure_are_still_given(server: Any, read: Pages, reply: Any, make_page: Any) -> None:
    server.replies = [reply(body=make_page([device(1)], f"{server.url}/api/machines?$skip=1")), reply(403)]
    pages = read()
    assert next(pages).number == 0
    with pytest.raises(FatalError):
        next(pages)
