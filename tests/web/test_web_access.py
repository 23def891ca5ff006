"""Who gets in: nobody without a login, nobody from another site, nobody by guessing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.web.conftest import NAME, PASSWORD, Served

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


def test_no_route_of_the_api_answers_without_a_login(served: Served, ana: httpx.Client) -> None:
    described = ana.get("/api/v1/openapi.json").json()
    routes = [(m, path) for path, methods in described["paths"].items() for m in methods]
    nobody = served.client()
    assert len(routes) > 20
    for method, path in routes:
        answer = nobody.request(method, f"/api/v1{path}", json={})
        assert (answer.status_code, answer.json().get("code")) == (401, "account.no-login"), (method, path)


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
    answer = ana.post("/api/v1/connectors", content=b"x" * 2_000_000)
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
