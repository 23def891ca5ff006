from __future__ import annotations

import pytest

from riskbridge.errors import FatalError
from riskbridge.model.source_model import MACHINES, VULNERABILITIES, SourceModel
from riskbridge.source.defender.links import Selection, StreamLinks, require_own_host

API = "https://api.example.test"


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        pytest.param(None, Selection(), id="none"),
        pytest.param("  ", Selection(), id="blank"),
        pytest.param("deviceValue eq 'Normal'", Selection("deviceValue eq 'Normal'"), id="filter"),
        pytest.param("$filter=deviceValue eq 'Low'", Selection("deviceValue eq 'Low'"), id="with its name"),
        pytest.param("id eq 'a'&$top=500&$skip=20", Selection("id eq 'a'", 500, 20), id="filter, top and skip"),
        pytest.param("$skip=20&$top=5", Selection(None, 5, 20), id="top and skip alone"),
        pytest.param("id eq 'R&D'", Selection("id eq 'R&D'"), id="an ampersand in a text"),
        pytest.param("id eq '&$top=5'", Selection("id eq '&$top=5'"), id="an option in a text"),
    ],
)
def test_filter_texts_are_taken_apart(text: str | None, selection: Selection) -> None:
    assert Selection.from_text(text) == selection


@pytest.mark.parametrize(
    ("filter_text", "page_size", "model", "number", "query"),
    [
        pytest.param(None, None, MACHINES, 0, "/api/machines", id="plain"),
        pytest.param(
            "lastSeen gt 2026-01-01T00:00:00+01:00 and computerDnsName ne 'a&b'",
            None,
            MACHINES,
            0,
            "/api/machines?$filter=lastSeen%20gt%202026-01-01T00%3A00%3A00%2B01%3A00%20and%20computerDnsName%20ne%20%27"
            "a%26b%27",
            id="everything special is encoded, plus included",
        ),
        pytest.param(None, 100, MACHINES, 3, "/api/machines?$top=100&$skip=300", id="stepping"),
        pytest.param(
            None, 10_000, VULNERABILITIES, 2, "/api/vulnerabilities?$top=8000&$skip=16000", id="catalogue's cap"
        ),
        pytest.param("$top=7&$skip=3", None, MACHINES, 0, "/api/machines?$top=7&$skip=3", id="a person's own cut"),
        pytest.param("$skip=3", None, MACHINES, 0, "/api/machines?$skip=3", id="a person's own start"),
        pytest.param("$skip=3", 10, MACHINES, 2, "/api/machines?$top=10&$skip=23", id="stepping from a start"),
    ],
)
def test_requests_are_spelled_as_the_api_wants_them(
    filter_text: str | None, page_size: int | None, model: SourceModel, number: int, query: str
) -> None:
    assert StreamLinks.of(model, API, filter_text, page_size).request(number) == f"{API}{query}"


def test_links_are_followed_without_a_page_size() -> None:
    links = StreamLinks.of(MACHINES, API, None, None)
    first = links.request()
    following = f"{API}/api/machines?$skip=10000"
    assert links.after(first, 0, 10_000, following) == following
    assert links.after(first, 0, 10_000, "/api/machines?$skip=10000") == following
    assert links.after(first, 0, 3, None) is None


def test_skip_is_stepped_until_a_page_is_short() -> None:
    links = StreamLinks.of(MACHINES, API, None, 100)
    assert links.after(links.request(4), 4, 100, None) == f"{API}/api/machines?$top=100&$skip=500"
    assert links.after(links.request(4), 4, 99, None) is None


def test_a_persons_own_top_is_one_call() -> None:
    links = StreamLinks.of(MACHINES, API, "$top=5", 5)
    assert links.after(links.request(), 0, 5, f"{API}/api/machines?$skip=5") is None


@pytest.mark.parametrize(
    ("api", "link"),
    [
        pytest.param(API, f"{API}/api/machines?$skip=1", id="same host"),
        pytest.param("http://127.0.0.1:8080", "http://127.0.0.1:8080/x", id="same loopback port"),
        pytest.param("https://api.security.microsoft.com", "https://eu.api.security.microsoft.com/x", id="region"),
        pytest.param("https://api.security.microsoft.com", "https://api.securitycenter.microsoft.com/x", id="old name"),
        pytest.param(
            "https://api.securitycenter.microsoft.com", "https://api-eu3.securitycenter.microsoft.com:443/x", id="seen"
        ),
        pytest.param(
            "https://api-gcc.securitycenter.microsoft.us", "https://api-gov.securitycenter.microsoft.us/x", id="us"
        ),
        pytest.param(
            "https://api.securitycenter.windows.com", "https://api.security.microsoft.com/x", id="oldest name"
        ),
    ],
)
def test_links_within_the_family_are_followed(api: str, link: str) -> None:
    require_own_host(api, link)


@pytest.mark.parametrize(
    ("api", "link"),
    [
        pytest.param(API, "https://evil.example.test/api", id="another host"),
        pytest.param(API, "http://api.example.test/api", id="the same host in the clear"),
        pytest.param(API, "https://api.example.test:8443/api", id="another port"),
        pytest.param(API, "https://api.security.microsoft.com/x", id="Microsoft, from an own host"),
        pytest.param(
            "https://api.security.microsoft.com", "https://api.security.microsoft.com.evil.test/", id="suffix"
        ),
        pytest.param("https://api.security.microsoft.com", "https://evilsecurity.microsoft.com.test/", id="look-alike"),
        pytest.param(
            "https://api.security.microsoft.com", "https://x.notsecurity.microsoft.com/", id="part of a label"
        ),
        pytest.param("https://api.security.microsoft.com", "http://eu.api.security.microsoft.com/x", id="in the clear"),
        pytest.param("https://api.security.microsoft.com", "https://eu.api.security.microsoft.com:99/x", id="odd port"),
        pytest.param(
            "https://api.security.microsoft.com", "https://api.security.microsoft.com@evil.test/", id="user part"
        ),
        pytest.param(
            "https://api.security.microsoft.com", "https://evil.test\\.security.microsoft.com/", id="backslash"
        ),
        pytest.param("http://127.0.0.1:8080", "http://127.0.0.1:8081/x", id="another loopback port"),
        pytest.param("http://127.0.0.1:8080", "https://api.security.microsoft.com/x", id="from loopback to Microsoft"),
        pytest.param(API, "https://[::1", id="no address"),
    ],
)
def test_links_to_anyone_else_are_refused(api: str, link: str) -> None:
    with pytest.raises(FatalError) as caught:
        require_own_host(api, link)
    assert caught.value.code == "defender.foreign-host"
