import io
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image as PILImage

from medx.core.errors import InputError
from retrieval.search import web
from retrieval.search.web import fetch_image
from retrieval.search.web_address import is_url, shown_url


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        if location := self.server.redirects.get(path):
            self.send_response(302)
            self.send_header("Location", location)
            self.end_headers()
            return
        if path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        try:
            self.wfile.write(self.server.bodies[path])
            while path == "/slow":
                self.wfile.write(b"\0")
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:  # the client has had enough
            pass

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    picture = io.BytesIO()
    PILImage.fromarray(np.full((9, 7), 90, np.uint8)).save(picture, "PNG")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        port = running.server_port
        running.redirects = {
            "/away": "ftp://127.0.0.1/a.png",
            "/round": "/round",
            "/on": "/a.png",
            "/neighbour": f"http://127.0.0.2:{port}/a.png",
            "/mapped": f"http://[::ffff:127.0.0.2]:{port}/a.png",
            "/named": f"http://inner.example:{port}/a.png",
        }
        running.bodies = {
            "/a.png": picture.getvalue(),
            "/page": b"<html>",
            "/slow": b"",
            "/large": b"\0" * 5000,
        }
        thread = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def online(monkeypatch):
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_an_image_is_fetched(server, online):
    np.testing.assert_array_equal(fetch_image(f"{server}/a.png?token=1"), np.full((9, 7), 90))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/away", "not on the web"),
        ("/round", "cannot be fetched"),
        ("/neighbour", "points on to a private address"),
        ("/mapped", "points on to a private address"),
        ("/missing", "the server answered 404"),
        ("/page", "cannot read http://127.0.0.1:[0-9]+/page as an image"),
    ],
)
def test_what_is_no_image(server, online, path, message):
    with pytest.raises(InputError, match=message):
        fetch_image(server + path)


def test_a_redirect_to_the_same_server_is_followed(server, online):
    np.testing.assert_array_equal(fetch_image(f"{server}/on"), np.full((9, 7), 90))


@pytest.mark.parametrize("answers", [["10.0.0.7"], ["8.8.8.8", "10.0.0.7"]])
def test_names_with_private_answers_are_not_followed(server, online, monkeypatch, answers):
    """The second: a name that is public when it is checked and private when it is opened."""
    asked, look_up = iter(answers), socket.getaddrinfo

    def look_up_name(host, *rest, **options):
        return look_up(next(asked) if host == "inner.example" else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_name)
    with pytest.raises(InputError, match="points on to a private address"):
        fetch_image(f"{server}/named")
    assert list(asked) == []


def test_limits(server, online, monkeypatch):
    monkeypatch.setattr(web, "MAX_BYTES", 4999)
    with pytest.raises(InputError, match="larger than"):
        fetch_image(f"{server}/large")
    monkeypatch.setattr(web, "SECONDS", 0.1)
    with pytest.raises(InputError, match="took longer"):
        fetch_image(f"{server}/slow")


def test_nobody_answers(online):
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch_image("http://127.0.0.1:9/a.png")
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch_image("http://[half/a.png")


def test_offline_fetches_nothing(server):
    with pytest.raises(InputError, match="medx is offline"):
        fetch_image(f"{server}/a.png")


def test_what_is_an_address():
    assert is_url("HTTPS://a.b")
    assert not is_url("ftp://a.b")
    assert not is_url("httpx.png")
    assert shown_url("https://me:pw@a.b:81/c.png?key=1#x") == "https://a.b:81/c.png"
    assert shown_url("https://a.b:port/c.png") == "a web address that cannot be read"


@pytest.mark.parametrize(
    "url",
    [
        "http://nina:hush@127.0.0.1/a.png",
        "http://nina:hush\u2100@127.0.0.1/a.png",
        "http://127.0.0.1/a b.png?token=hush",
        "http://[hush/a.png",
    ],
)
def test_no_secret_of_an_address_is_told(online, url):
    with pytest.raises(InputError, match="cannot be fetched") as raised:
        fetch_image(url)
    assert "hush" not in f"{raised.value} {raised.value.hint}"
