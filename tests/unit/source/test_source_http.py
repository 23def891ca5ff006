from __future__ import annotations

import gzip
import socket
import zlib
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from riskbridge import __version__
from riskbridge.errors import ConfigError, FatalError, RetryableError, RiskbridgeError
from riskbridge.source.http import HttpClient, HttpSettings


def test_requests_say_who_asks_and_what_is_understood(server: Any, client: HttpClient, reply: Any) -> None:
    server.replies = [reply()]
    client.send("GET", server.url)
    headers = server.seen[0].headers
    assert headers["user-agent"] == f"MdePartner-Riskbridge-Riskbridge/{__version__}"
    assert headers["accept-encoding"] == "gzip, deflate"


def test_connections_are_used_again(server: Any, client: HttpClient, reply: Any) -> None:
    server.replies = [reply(body=b"a"), reply(404, b"b"), reply(body=b"c")]
    assert [client.send("GET", server.url).body for _ in range(3)] == [b"a", b"b", b"c"]
    assert len({s.port for s in server.seen}) == 1


def test_raw_deflate_is_decoded_off_the_wire(server: Any, client: HttpClient, reply: Any) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(b'{"value":[]}') + packer.flush()
    server.replies = [reply(body=body, headers={"Content-Encoding": "deflate"})]
    answer = client.send("GET", server.url)
    assert (answer.body, answer.sent_bytes) == (b'{"value":[]}', len(body))


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        pytest.param({"body": b"x" * 1000, "cut_at": 500}, "http.cut-off", id="half a body"),
        pytest.param({"is_reset": True}, "http.cut-off", id="reset"),
        pytest.param(
            {"body": gzip.compress(b"x" * 99)[:20], "headers": {"Content-Encoding": "gzip"}},
            "http.cut-off",
            id="half a gzip stream under a right length",
        ),
    ],
)
def test_a_broken_answer_is_retryable(
    server: Any, client: HttpClient, reply: Any, broken: dict[str, Any], code: str
) -> None:
    server.replies = [reply(**broken)]
    with pytest.raises(RetryableError) as caught:
        client.send("GET", server.url)
    assert caught.value.code == code


def test_silence_is_a_timeout(server: Any, reply: Any) -> None:
    hold = Event()
    server.replies = [reply(hold=hold)]
    with HttpClient(HttpSettings(read_timeout_s=0.05)) as client, pytest.raises(RetryableError) as caught:
        client.send("GET", server.url)
    hold.set()
    assert caught.value.code == "http.timeout"


def test_a_port_where_nobody_listens_is_unreachable(client: HttpClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(RetryableError) as caught:
            client.send("GET", f"http://127.0.0.1:{port}/")
    assert caught.value.code == "http.unreachable"
    assert f"127.0.0.1:{port}" in caught.value.message


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_beyond_the_bound_is_fatal(server: Any, reply: Any, encoding: str) -> None:
    body = bytes(200_000)
    headers = {"Content-Encoding": encoding} if encoding else {}
    server.replies = [reply(body=gzip.compress(body) if encoding else body, headers=headers)]
    with HttpClient(HttpSettings(largest_body_bytes=100_000)) as client, pytest.raises(FatalError) as caught:
        client.send("GET", server.url)
    assert caught.value.code == "http.too-large"


def test_a_redirect_is_not_followed_unasked(server: Any, client: HttpClient, reply: Any) -> None:
    server.replies = [reply(302, headers={"Location": f"{server.url}/elsewhere"})]
    assert client.send("GET", server.url, headers={"Authorization": "Bearer x"}).status == 302
    assert server.paths == ["/"]


def test_what_is_no_address_is_a_matter_of_configuration(client: HttpClient) -> None:
    with pytest.raises(ConfigError) as caught:
        client.send("GET", "ftp://example.test/x")
    assert caught.value.code == "http.bad-url"


def test_an_unknown_authority_is_not_trusted_and_the_remedy_names_the_bundle(
    tls_server: Any, client: HttpClient
) -> None:
    with pytest.raises(ConfigError) as caught:
        client.send("GET", tls_server.url)
    assert caught.value.code == "http.untrusted-certificate"
    assert "CA bundle" in caught.value.remedy


def test_certificates_of_the_bundle_are_trusted(tls_server: Any, reply: Any, ca_bundle: Path) -> None:
    tls_server.replies = [reply(body=b"hello")]
    with HttpClient(HttpSettings(ca_bundle=ca_bundle)) as client:
        assert client.send("GET", tls_server.url).body == b"hello"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificate_variables_of_the_environment_change_nothing(
    tls_server: Any, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(ca_bundle))
    with HttpClient(HttpSettings()) as client, pytest.raises(ConfigError) as caught:
        client.send("GET", tls_server.url)
    assert caught.value.code == "http.untrusted-certificate"


def test_proxy_variables_of_the_environment_change_nothing(
    server: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.replies = [reply(body=b"direct")]
    with HttpClient(HttpSettings()) as client:
        assert client.send("GET", server.url).body == b"direct"


def test_a_named_proxy_is_asked_for_the_whole_address(server: Any, reply: Any) -> None:
    server.replies = [reply(body=b"by proxy")]
    with HttpClient(HttpSettings(proxy=server.url)) as client:
        assert client.send("GET", "http://api.example.test/api/machines").body == b"by proxy"
    assert server.paths == ["http://api.example.test/api/machines"]


@pytest.mark.parametrize("proxy", ["ftp://proxy:1", "socks5://proxy:1080", "nonsense"])
def test_a_proxy_that_cannot_be_used_is_refused(proxy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpClient(HttpSettings(proxy=proxy))
    assert caught.value.code == "http.bad-proxy"


def test_a_bundle_without_certificates_is_refused(tmp_path: Path) -> None:
    bundle = tmp_path / "notes.pem"
    bundle.write_text("these are not certificates")
    with pytest.raises(ConfigError) as caught:
        HttpClient(HttpSettings(ca_bundle=bundle))
    assert caught.value.code == "http.bad-ca-bundle"


def test_the_answers_date_is_read_as_utc(server: Any, client: HttpClient, reply: Callable[..., Any]) -> None:
    server.replies = [reply(headers={"Date": "Fri, 20 Nov 2026 13:00:00 +0100"}), reply(headers={"Date": "soon"})]
    first, second = (client.send("GET", server.url).dated_at for _ in range(2))
    assert first is not None
    assert (first.isoformat(), second) == ("2026-11-20T12:00:00+00:00", None)


@pytest.mark.parametrize(
    ("status", "code"), [(403, "http.proxy-refused"), (407, "http.bad-proxy"), (502, "http.unreachable")]
)
def test_what_a_proxy_says_is_told_apart(server: Any, reply: Any, status: int, code: str) -> None:
    server.replies = [reply(status)]
    with HttpClient(HttpSettings(proxy=server.url)) as client, pytest.raises(RiskbridgeError) as caught:
        client.send("GET", "https://api.example.test/api/machines")
    assert caught.value.code == code
    assert "api.example.test" in caught.value.message


def test_a_name_that_nobody_knows_is_told_as_such(client: HttpClient) -> None:
    with pytest.raises(RetryableError) as caught:
        client.send("GET", "https://no-such-host.invalid/")
    assert caught.value.code == "http.unknown-host"
