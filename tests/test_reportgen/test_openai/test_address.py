import pytest

from medx.core.errors import InputError
from reportgen.engines.openai_address import DEFAULT_BASE_URL, find_address, find_key


@pytest.fixture(autouse=True)
def online(monkeypatch):
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://127.9.9.9/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://LOCALHOST/v1", True),
        ("https://[::1]:8000/v1", True),
        ("http://10.0.0.1/v1", False),
        ("http://0.0.0.0/v1", False),
        ("http://localhost.example/v1", False),
        ("http://127.0.0.1.example/v1", False),
        ("https://api.example/v1", False),
    ],
)
def test_only_loopback_is_this_machine(url, local):
    assert find_address(url).is_local is local


def test_option_goes_before_variable_before_default(monkeypatch):
    assert find_address(None).base_url == DEFAULT_BASE_URL
    monkeypatch.setenv("MEDX_OPENAI_BASE_URL", "https://here.example/v1/")
    address = find_address(None)
    assert (address.base_url, address.source) == ("https://here.example/v1", "MEDX_OPENAI_BASE_URL")
    assert address.is_encrypted
    assert find_address("http://there.example").base_url == "http://there.example/v1"


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://a/v1", "http://", "http://a:b:c/", "http://[::1/v1", "http://a b/v1",
            "http://a:99999/v1", "file:///etc/passwd"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url):
    with pytest.raises(InputError, match="--base-url is no address of a server"):
        find_address(url)


@pytest.mark.parametrize(
    "url",
    ["http://user:secret@a/v1", "http://user@a/v1", "https://a/v1?key=secret", "https://a/#x"],
)
def test_secrets_in_an_address_are_refused_and_not_repeated(url):
    with pytest.raises(InputError, match="must not hold a user, password or query") as caught:
        find_address(url)
    assert "secret" not in str(caught.value)


def test_the_key_of_medx_goes_before_the_common_one(monkeypatch):
    assert find_key() is None
    monkeypatch.setenv("OPENAI_API_KEY", "common")
    assert find_key().variable == "OPENAI_API_KEY"
    monkeypatch.setenv("MEDX_OPENAI_API_KEY", " own\n")
    key = find_key()
    assert (key.variable, key.value) == ("MEDX_OPENAI_API_KEY", "own")
    assert "own" not in repr(key)
    assert key.hide(b"your key own is bad") == b"your key [key] is bad"


@pytest.mark.parametrize("value", ["clé", "a\nb"])
def test_a_key_that_cannot_be_sent_is_refused_unseen(value, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(InputError, match="OPENAI_API_KEY holds characters") as caught:
        find_key()
    assert value not in str(caught.value)
