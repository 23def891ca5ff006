import pytest

from riskbridge.security.masking import is_secret_name, mask, register_secret

JWT = "eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJodHRwcyJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("grant_type=x&client_secret=abc%21&scope=y", "grant_type=x&client_secret=***&scope=y", id="form"),
        pytest.param("https://b.test/f?sv=1&sig=aB%2Bc&se=2", "https://b.test/f?sv=1&sig=***&se=2", id="SAS link"),
        pytest.param('{"access_token": "abc", "n": 1}', '{"access_token": ***, "n": 1}', id="JSON"),
        pytest.param(r"{\"access_token\":\"abc\"}", r"{\"access_token\":***}", id="JSON in JSON"),
        pytest.param("{'client_secret': 'a b', 'n': 1}", "{'client_secret': ***, 'n': 1}", id="repr"),
        pytest.param("Authorization: Bearer abcdefghij", "Authorization: ***", id="header"),
        pytest.param("sent Bearer abcdefghij to it", "sent Bearer *** to it", id="bearer alone"),
        pytest.param(f"token {JWT} refused", "token *** refused", id="JSON web token"),
        pytest.param("proxy http://ada:pass@proxy.test:3128", "proxy http://ada:***@proxy.test:3128", id="URL"),
        pytest.param("X-Api-Key: k1", "X-Api-Key: ***", id="key header"),
        pytest.param("Set-Cookie: a=b", "Set-Cookie: ***", id="cookie"),
        pytest.param("design=wide and assignee=ada", "design=wide and assignee=ada", id="words that contain a name"),
        pytest.param("12 devices, 3 secrets sealed", "12 devices, 3 secrets sealed", id="prose"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_secret_is_masked_where_secrets_stand(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_masking_twice_changes_nothing_more() -> None:
    once = mask(f'client_secret=abc&sig=1 {{"password": "x"}} Bearer {JWT}')
    assert mask(once) == once


def test_a_registered_value_is_masked_anywhere() -> None:
    register_secret("hunter2-long")
    register_secret("hunter2-long-and-longer")
    assert mask("a hunter2-long-and-longer b hunter2-long") == "a *** b ***"


def test_a_short_value_is_no_secret_worth_the_noise() -> None:
    register_secret("on")
    assert mask("on and on") == "on and on"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("client_secret", True, id="exact"),
        pytest.param("Client-Secret", True, id="header form"),
        pytest.param("clientSecret", True, id="camel case"),
        pytest.param("x_api_key", True, id="prefixed"),
        pytest.param("signal", False, id="longer word"),
        pytest.param("event", False, id="another word"),
    ],
)
def test_a_name_tells_a_secret(name: str, *, expected: bool) -> None:
    assert is_secret_name(name) is expected
