"""Who gets in: nobody without a login, nobody from another site, nobody by guessing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route
from tests.web.conftest import NAME, PASSWORD, Served

from riskbridge.api.application import make_api
from riskbridge.web.site import make_site

PAGES = (
    "/",
    "/inventory/assets",
    "/inventory/assets/a",
    "/findings",
    "/findings/a",
    "/connectors",
    "/wizard",
    "/connectors/tenant",
    "/runs/a",
    "/holds",
)


def leaves(routes: Iterable[Any]) -> Iterator[Route]:
    """The routes of an application, those of included routers among them."""
    for route in routes:
        if isinstance(route, Route):
            yield route
        elif hasattr(route, "original_router"):
            yield from leaves(route.original_router.routes)


def every_route() -> list[tuple[str, str]]:
    """Every method and address of the API and of the pages, ids filled in; the ways to log in left out."""
    service: Any = None  # nothing is asked of it
    found = {(m, f"/api/v1{r.path}") for r in leaves(make_api(service).routes) for m in r.methods or ()}
    found |= {(m, r.path) for r in leaves(make_site(service).routes) for m in r.methods or ()}
    open_paths = ("/login", "/setup")
    return sorted((m, re.sub(r"\{[^}]*\}", "tenant", path)) for m, path in found if path not in open_paths)


STRANGERS: dict[str, dict[str, str]] = {
    "nobody": {},
    "a wrong token": {"authorization": "Bearer rb_of-nobody"},
    "another scheme": {"authorization": "Basic YW5hOmFuYQ=="},
    "a wrong cookie": {"cookie": "riskbridge_session=of-nobody"},
    "a token beside a session": {"authorization": "Bearer rb_of-nobody", "cookie": "ANA"},
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_no_route_answers_without_a_login(served: Served, ana: httpx.Client, stranger: str) -> None:
    cookie = "; ".join(f"{n}={v}" for n, v in ana.cookies.items())
    headers = {n: v.replace("ANA", cookie) for n, v in STRANGERS[stranger].items()}
    client = served.client(headers={"content-type": "application/json", **headers})
    every = [
        *every_route(),
        ("GET", "/api/v1/no/such/route"),
        ("PROPFIND", "/api/v1/connectors"),
        ("OPTIONS", "/api/v1/runs"),
    ]
    assert len(every) > 80
    leaks = []
    for method, path in every:
        answer = client.request(method, path, content=b"{ broken", follow_redirects=False)
        if path.startswith("/api/v1"):
            is_shut = answer.status_code == 401 and (method == "HEAD" or answer.json()["code"] == "account.no-login")
            is_shut = is_shut and answer.headers["www-authenticate"] == "Bearer"
        else:
            is_shut = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
            is_shut = is_shut or (answer.status_code, "set-cookie" in answer.headers) == (405, False)
        if not is_shut:
            leaks.append((method, path, answer.status_code))
    assert leaks == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", ""])
def test_another_sites_page_gets_nothing_with_somebodys_cookie(ana: httpx.Client, origin: str) -> None:
    read = ana.get("/api/v1/summary", headers={"origin": origin})
    assert (read.status_code, read.json()["code"]) == (403, "account.foreign-origin")
    change = ana.post("/api/v1/rescore", headers={"origin": origin})
    assert (change.status_code, change.json()["code"]) == (403, "account.foreign-origin")
    assert ana.get("/api/v1/summary", headers={"origin": str(ana.base_url).rstrip("/")}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "expected"),
    [
        ("GET", "/no/such", b"", {}, (404, "http.404")),
        ("PUT", "/summary", b"", {}, (405, "http.405")),
        ("POST", "/filters/check", b"a=b", {"content-type": "text/plain"}, (415, "request.not-json")),
        ("POST", "/filters/check", b"{}", {}, (415, "request.not-json")),
        ("POST", "/filters/check", b"{", {"content-type": "application/json"}, (422, "request.invalid")),
        ("POST", "/filters/check", b"\xff\xfe", {"content-type": "application/json"}, (422, "request.invalid")),
        ("POST", "/filters/check", b"[" * 500_000, {"content-type": "application/json"}, (400, "http.400")),
        ("POST", "/filters/check", b'{"x": 1e999}', {"content-type": "application/json"}, (422, "request.invalid")),
        (
            "POST",
            "/filters/check",
            b'{"device_filter": "\\ud800"}',
            {"content-type": "application/json"},
            (422, "request.invalid"),
        ),
        ("POST", "/filters/check", b"x" * 1_100_000, {"content-type": "application/json"}, (413, "http.413")),
        ("GET", "/findings?limit=0", b"", {}, (422, "request.invalid")),
        ("GET", "/findings?limit=x&query=%00", b"", {}, (422, "request.invalid")),
        ("GET", "/runs/%00", b"", {}, (404, "run.unknown")),
        ("GET", "/connectors/%00%ff", b"", {}, (404, "connector.unknown")),
    ],
    ids=lambda v: v[:20].decode("latin-1") if isinstance(v, bytes) else None,
)
def test_what_cannot_be_answered_is_told_as_a_problem(
    ana: httpx.Client, method: str, path: str, content: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = ana.request(method, f"/api/v1{path}", content=content, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == expected
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], bool(problem["remedy"]), bool(problem["detail"])) == (expected[0], True, True)


def test_a_body_without_a_length_is_bounded_too(ana: httpx.Client) -> None:
    chunks = (b"x" * 65_536 for _ in range(40))
    answer = ana.post("/api/v1/filters/check", content=chunks, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "http.413")


def test_no_value_that_was_sent_comes_back_in_a_problem(ana: httpx.Client) -> None:
    secret = {"name": "x", "tenant_id": "t", "client_secret": ["hunter2"]}
    answer = ana.post("/api/v1/connectors/test", json=secret)
    assert (answer.status_code, "hunter2" in answer.text) == (422, False)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_to_the_login_and_back(served: Served, path: str) -> None:
    answer = served.client().get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")


@pytest.mark.parametrize(
    "path", ["/wizard", "/connectors/tenant/run", "/findings/a/decide", "/holds/a/approve", "/logout"]
)
def test_a_form_without_its_token_changes_nothing(ana: httpx.Client, path: str) -> None:
    answer = ana.post(path, data={"csrf": "of another login"})
    assert (answer.status_code, "This form is of another login." in answer.text) == (403, True)
    assert ana.get("/connectors").status_code == 200


def test_the_api_takes_no_change_by_cookie_alone(served: Served, ana: httpx.Client) -> None:
    other_site = served.client(cookies=dict(ana.cookies))
    answer = other_site.post("/api/v1/connectors/tenant/runs")
    assert (answer.status_code, answer.json()["code"]) == (403, "account.bad-csrf")


def test_a_token_lets_a_script_in_until_it_is_revoked(served: Served, ana: httpx.Client) -> None:
    made = ana.post("/api/v1/api-tokens", json={"name": "nightly", "days": 1}).json()
    script = served.client(headers={"authorization": f"Bearer {made['token']}"})
    assert script.get("/api/v1/summary").status_code == 200
    assert script.post("/api/v1/filters/check", json={}).json() == {"ok": True}
    assert script.post("/api/v1/findings/search", json={"query": "", "limit": 1}).status_code == 200
    for method, path in (
        ("POST", "/rescore"),
        ("PATCH", "/sla"),
        ("DELETE", "/connectors/tenant"),
        ("POST", "/api-tokens"),
        ("PUT", "/maps/check"),  # a map of the name of an address that may be posted to
    ):
        refused = script.request(method, f"/api/v1{path}", json={}, headers={"if-match": "*"})
        assert (refused.status_code, refused.json()["code"]) == (403, "account.read-only"), path
    listed = ana.get("/api/v1/api-tokens").json()["rows"]
    assert [(t["name"], "token" in t) for t in listed if t["token_id"] == made["token_id"]] == [("nightly", False)]
    assert ana.delete(f"/api/v1/api-tokens/{made['token_id']}").status_code == 204
    assert script.get("/api/v1/summary").status_code == 401
    assert made["token"] not in (served.home / "config.db").read_bytes().decode("latin-1")


def test_a_wrong_password_and_an_unknown_name_are_told_alike_and_then_must_wait(empty: Served) -> None:
    empty.log_in()
    guesser = empty.client()

    def guess(name: str, password: str) -> tuple[int, bool]:
        answer = guesser.post("/login", data={"name": name, "password": password, "next": "/"})
        return answer.status_code, "Name and password do not fit." in answer.text

    assert [guess("nobody", "guess"), *(guess(NAME, f"guess {n}") for n in range(5))] == [(401, True)] * 6
    assert guess(NAME, PASSWORD) == (429, False)


def test_the_first_link_works_once(empty: Served) -> None:
    link = empty.link
    empty.log_in()
    answer = empty.client().get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example/"])
def test_a_login_leads_nowhere_else(empty: Served, target: str) -> None:
    empty.log_in()
    answer = empty.client().post("/login", data={"name": NAME, "password": PASSWORD, "next": target})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_another_host_name_that_leads_here_gets_nothing(served: Served) -> None:
    assert served.client(headers={"host": "rebound.example"}).get("/login").status_code == 400


def test_every_answer_is_guarded(served: Served) -> None:
    client = served.client()
    for path in ("/login", "/api/v1/summary", "/static/riskbridge.js", "/no/such/page"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';"), path
        assert headers["x-content-type-options"] == "nosniff", path


def test_a_body_too_large_is_refused(served: Served, ana: httpx.Client) -> None:
    answer = ana.post(
        "/wizard", content=b"x" * 2_000_000, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 413
    assert served.process.poll() is None


@pytest.mark.parametrize(
    ("options", "code"),
    [((), "serve.no-account"), (("--certificate", "c.pem"), "serve.no-account")],
)
def test_nothing_listens_beyond_this_machine_before_there_is_an_account(
    tmp_path: Path, options: tuple[str, ...], code: str
) -> None:
    words = ["-m", "riskbridge.cli", "--home", str(tmp_path / "home"), "serve", "--host", "0.0.0.0", *options]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "first account" in done.stderr) == (3, code == "serve.no-account")


def test_an_account_does_not_make_clear_text_over_the_network_right(empty: Served) -> None:
    empty.log_in()
    empty.stop()
    words = ["-m", "riskbridge.cli", "--home", str(empty.home), "serve", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "clear text" in done.stderr) == (3, True)
