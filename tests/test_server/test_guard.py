"""Who is answered, how often, and what no answer and no line of the log may hold."""

import hmac
import logging
import os
import re
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import uploads

from medx.server import guard
from medx.server.config import ServeConfig

TOKEN = {"Authorization": "Bearer s3cret"}
OPEN = ["/", "/health", "/ready", "/static/style.css"]
GUARDED = ["/metadata", "/metrics", "/openapi.json", "/items/x/image", "/samples", "/nowhere"]


@pytest.fixture(scope="module")
def locked(serving):
    with serving(token="s3cret") as client:
        yield client


@pytest.mark.parametrize("path", OPEN)
def test_some_paths_are_open(locked, path):
    assert locked.get(path).status_code == 200


@pytest.mark.parametrize("path", GUARDED)
def test_the_rest_needs_the_token(locked, path):
    answer = locked.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"] == "a token is needed"
    assert locked.get(path, headers=TOKEN).status_code in (200, 404)


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer s3cret2", "Basic s3cret", "s3cret",
     "Bearer s3cre", "Bearer S3CRET"],
)  # fmt: skip
def test_wrong_tokens(locked, given):
    assert locked.get("/metadata", headers={"Authorization": given}).status_code == 401


def test_a_token_may_have_any_letters(serve):
    client = serve(token="geheim-ß-密")
    given = "Bearer geheim-ß-密".encode()
    assert client.get("/metadata", headers={b"Authorization": given}).status_code == 200


def test_the_token_is_compared_in_constant_time(locked, monkeypatch):
    seen = []
    plain = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda *pair: seen.append(pair) or plain(*pair))
    locked.get("/metadata", headers=TOKEN)
    assert seen == [(b"s3cret", b"s3cret")]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]:80", "a:b"])
def test_foreign_names_are_refused_on_loopback(client, host):
    assert client.get("/health", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8765", "LOCALHOST", "[::1]:8765"])
def test_own_names_are_not(client, host):
    assert client.get("/health", headers={"Host": host}).status_code == 200


def test_other_hosts_have_any_name(serve):
    client = serve(host="0.0.0.0", token="t")
    assert client.get("/health", headers={"Host": "medx.hospital.example"}).status_code == 200


def test_a_proxy_passes_its_name_on(serve):
    client = serve(public_host="medx.hospital.example", token="s3cret")
    own = {"Host": "medx.hospital.example", "Origin": "https://medx.hospital.example"} | TOKEN
    assert client.post("/search/text", headers=own, json={"text": "normal"}).status_code == 200
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 421
    foreign = own | {"Origin": "https://evil.example"}
    assert client.get("/metadata", headers=foreign).status_code == 403
    with pytest.raises(ValueError, match="needs a token"):
        ServeConfig(public_host="medx.hospital.example")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "x"])
def test_foreign_origins_are_refused(client, origin):
    answer = client.get("/metadata", headers={"Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_the_own_origin_is_not(client):
    assert client.get("/metadata", headers={"Origin": "http://127.0.0.1"}).status_code == 200


def test_a_host_but_loopback_needs_a_token(cli):
    ran = cli("serve", "--host", "0.0.0.0")
    assert ran.exit_code == 1
    assert "needs a token" in ran.stderr
    assert "--token" in ran.stderr
    with pytest.raises(ValueError, match="needs a token"):
        ServeConfig(host="10.0.0.1")


def test_an_address_has_a_rate(serve):
    client = serve(rate_limit=20)
    statuses = [client.get("/health").status_code for _ in range(40)]
    assert statuses.count(429) >= 15
    late = client.get("/health")
    assert late.status_code == 429
    assert late.headers["retry-after"]


def test_a_bucket_fills_again_and_addresses_have_their_own(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(guard, "time", SimpleNamespace(monotonic=lambda: now[0]))
    rate = guard.RateLimit(60)
    assert [rate.allows("a") for _ in range(62)] == [True] * 60 + [False] * 2
    assert rate.allows("b")
    now[0] = 1.0
    assert [rate.allows("a"), rate.allows("a")] == [True, False]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/health", 200), ("GET", "/nowhere", 404), ("DELETE", "/health", 405),
     ("POST", "/predict", 422), ("GET", "/items/none/image", 404), ("GET", "/", 200)],
)  # fmt: skip
def test_every_answer_has_security_headers_and_an_id(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    for name, value in guard.SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.headers["cache-control"] in {"no-store", "no-cache"}


def test_refusals_have_them_too(client):
    answer = client.get("/health", headers={"Host": "evil.example"})
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_wrong_method_says_which_are_right(client):
    assert client.delete("/health").headers["allow"] == "GET"


def test_no_foreign_page_may_read_answers(client):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/predict", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_ids_of_requests_are_kept_when_they_are_harmless(client, caplog):
    caplog.set_level(logging.INFO, "medx")
    answer = client.get("/nowhere", headers={"X-Request-ID": "ward-7.42"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "ward-7.42"
    assert "id=ward-7.42" in caplog.text
    for odd in ("a b", "x" * 65, "a\tb", "<script>", "é"):
        answer = client.get("/health", headers={b"X-Request-ID": odd.encode("latin-1")})
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_a_line_of_the_log_has_five_fields(client, caplog):
    caplog.set_level(logging.INFO, "medx")
    client.get("/items/some-id/image?size=99")
    client.request("BREW", "/health")
    first, second = [r.getMessage() for r in caplog.records if r.name == "medx.access"]
    pattern = r"method=GET route=/items/{item_id:path}/image status=404 ms=[\d.]+ id=[0-9a-f]{32}"
    assert re.fullmatch(pattern, first)
    assert second.startswith("method=OTHER route=/health status=405")


def test_what_goes_wrong_inside_says_its_id_and_nothing_else(serve, warm_bench, caplog):
    class Broken:
        def __getattr__(self, name):
            raise ZeroDivisionError("Meyerbeer at /srv/secret")

    client = serve()
    models = client.app.state.server.loaded
    models.bench = Broken()
    answer = client.get("/metadata")
    assert answer.status_code == 500
    assert answer.json()["error"] == "something went wrong"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "ZeroDivisionError in" in caplog.text
    assert answer.headers["x-request-id"] in caplog.text
    assert "Meyerbeer" not in answer.text + caplog.text


def test_a_patients_identity_leaves_no_trace(
    client, caplog, capfd, two_class, tmp_path, monkeypatch
):
    """Neither in answers nor in logs, metrics, names of files or temporary folders."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    opened = Opened()
    pixels = uploads.square(64)
    heard = ""
    named = ("Meyerbeer^Aurelia-19310417.dcm", uploads.dicom(pixels), "application/dicom")
    cut = ("Meyerbeer.dcm", uploads.dicom(pixels)[:-900], "application/dicom")
    broken = ("Meyerbeer.dcm", uploads.dicom(pixels, Rows=9), "application/dicom")
    large = ("Meyerbeer.dcm", uploads.dicom(np.zeros((1500, 1500), np.uint16)), "image/png")
    with opened.watching():
        for file in (named, cut, broken, large):
            for path in ("/predict", "/explain", "/search/image", "/case", "/report"):
                answer = client.post(path, files={"file": file})
                assert answer.status_code in (200, 422), answer.text
                heard += answer.text + str(answer.headers)
    heard += client.get("/metrics").text + caplog.text + "".join(capfd.readouterr())
    for value in [*uploads.PATIENT.values(), "Meyerbeer", "Aurelia"]:
        assert value not in heard
    assert str(two_class.parent) not in heard
    assert str(tmp_path) not in heard
    assert opened.written == []
    assert list(tmp_path.iterdir()) == []
    assert not [name for name in os.listdir("/dev/shm") if name.startswith("medx-")]


class Opened:
    """Files that this process opens for writing."""

    _audited = None

    def __init__(self):
        self.written = []

    def watching(self):
        def hear(event, args):
            target = Opened._audited
            if target is None or event != "open":
                return
            path, _, flags = args
            if (flags or 0) & (os.O_WRONLY | os.O_RDWR) and not _is_nothing(path):
                target.written.append(str(path))

        if not hasattr(Opened, "_hooked"):
            sys.addaudithook(hear)
            Opened._hooked = True

        @contextmanager
        def watch():
            Opened._audited = self
            try:
                yield
            finally:
                Opened._audited = None

        return watch()


def _is_nothing(path):
    return isinstance(path, int) or str(path) == os.devnull


def test_names_in_the_address_are_404_and_in_the_body_422(client):
    assert client.get("/items/none/image").status_code == 404
    answer = client.post("/search/text", json={"text": "x", "split": "none"})
    assert answer.status_code == 422
    assert "none" in answer.json()["error"]
