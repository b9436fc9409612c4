"""Clients that are slow, endless, or speak no HTTP: cut off, while others are answered."""

import socket
import threading
import time

import pytest
import uploads
from raw_http import FORM, ask, connect, file_part, form, head, json_of, read_all, send_all
from raw_http import status_of as status

from medx.server import bodies, connections, models

GOOD = uploads.png(uploads.square())
JSON = "Content-Type: application/json"


def assert_alive(port):
    assert status(ask(port, "GET /health HTTP/1.1")) == 200


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 300 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\r\n b\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_as_such(port, content):
    with connect(port) as connection:
        send_all(connection, content)
        answer = read_all(connection)
    if answer:  # a client that talks on may miss it
        assert 400 <= status(answer) < 500
        assert b"x-frame-options: deny" in answer.lower()
        assert json_of(answer)["error"]
    assert_alive(port)


@pytest.mark.parametrize("path", ["//metadata", "/static/../metadata", "/health/", "/health/../x"])
def test_no_path_pretends_to_be_another(listening, path):
    with listening(token="t") as port:
        assert status(ask(port, f"GET {path} HTTP/1.1")) in (401, 404)


def test_websockets_are_not_spoken(port):
    asked = ["GET /health HTTP/1.1", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    with connect(port) as connection:
        connection.sendall(head(*asked, "Connection: Upgrade"))
        assert status(connection.recv(65536)) == 200


def test_a_chunked_upload_is_an_upload(port):
    body = form(file_part(GOOD))
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:50], body[50:51], body[51:])
    )
    asked = ("POST /predict HTTP/1.1", FORM, "Transfer-Encoding: chunked")
    assert status(ask(port, *asked, body=chunks + b"0\r\n\r\n")) == 200
    assert status(ask(port, *asked, body=b"zz\r\n" + chunks)) == 400


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")  # of a form that breaks off
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Content-Type: multipart/form-data", form(file_part(GOOD))),
        ("Content-Type: multipart/form-data; boundary=", form(file_part(GOOD))),
        ("Content-Type: multipart/form-data; boundary=other", form(file_part(GOOD))),
        ("Content-Type: multipart/form-data; boundary=" + "b" * 5000, form(file_part(GOOD))),
        (FORM, form(file_part(GOOD))[:-20]),
        (FORM, b"--frontier\r\n" * 1000),
        (FORM, b"\r\n" * 50_000),
        (FORM, form(("Content-Disposition: form-data", GOOD))),
        (FORM, form(("X: y", GOOD))),
        (FORM, form(*[('Content-Disposition: form-data; name="a"', b"b")] * 10_000)),
        (FORM, form(*[file_part(b"", f"{i}") for i in range(2_000)])),
        (FORM, form(('Content-Disposition: form-data; name="where"', b"x" * 2_000_000))),
        (FORM, form(("\r\n".join(["X-A: b"] * 50_000), GOOD))),
        ("X-None: x", GOOD),
        (JSON, b'{"file": "x"}'),
        ("Content-Type: application/x-www-form-urlencoded", b"file=x&" * 5_000),
    ],
)
def test_forms_that_are_none(port, kind, body):
    answer = ask(port, "POST /predict HTTP/1.1", kind, f"Content-Length: {len(body)}", body=body)
    assert 400 <= status(answer) < 500
    assert json_of(answer)["error"]
    assert len(answer) < 3000


def test_a_body_is_not_read_further_than_allowed(listening):
    with listening(max_upload_bytes=1 << 20) as port:
        announced = ask(port, "POST /predict HTTP/1.1", FORM, "Content-Length: 99999999999")
        assert status(announced) == 413
        assert json_of(announced)["error"] == "more than 1 MiB"
        sent = 0
        with connect(port) as connection:
            asked = head("POST /predict HTTP/1.1", FORM, "Transfer-Encoding: chunked")
            opened = form(file_part(b""))[:-16]
            connection.sendall(asked + b"%x\r\n%s\r\n" % (len(opened), opened))
            connection.settimeout(0.01)
            answer, chunk = b"", b"%x\r\n%s\r\n" % (1 << 16, bytes(1 << 16))
            while not answer and sent < 64 << 20:
                try:
                    sent += connection.send(chunk)
                    answer = connection.recv(65536)
                except TimeoutError:
                    continue
        assert status(answer) == 413
        assert_alive(port)


def test_a_body_that_ends_early_is_none(port):
    with connect(port) as connection:
        connection.sendall(head("POST /predict HTTP/1.1", FORM, "Content-Length: 5000") + b"--")
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    assert answer == b"" or 400 <= status(answer) < 500
    assert_alive(port)


def test_more_body_than_was_announced_is_no_next_request(port):
    body = b'{"text": "x"}'
    asked = head("POST /search/text HTTP/1.1", JSON, f"Content-Length: {len(body)}")
    with connect(port) as connection:
        connection.sendall(asked + body + b"garbage\r\n\r\n")
        answer = read_all(connection)
    assert status(answer) == 200
    assert b"HTTP/1.1 400" in answer


def test_requests_in_a_row_are_all_answered(port):
    with connect(port) as connection:
        connection.sendall(head("GET /health HTTP/1.1") * 20 + head("GET /health HTTP/1.0"))
        assert read_all(connection).count(b'{"status":"ok"}') == 21


def test_trickled_headers_are_cut_off(port, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.3)
    slow = [connect(port) for _ in range(50)]
    for connection in slow:
        connection.sendall(b"GET /health HTTP/1.1\r\nX-A: ")
    for _ in range(10):
        assert_alive(port)
        for connection in slow:
            send_all(connection, b"b")
        time.sleep(0.05)
    answers = [read_all(connection) for connection in slow]
    assert all(not answer or status(answer) == 408 for answer in answers)
    assert any(answers)
    for connection in slow:
        connection.close()


def test_silent_connections_are_closed(port, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.1)
    with connect(port) as connection:
        assert read_all(connection) == b""
    with connect(port) as connection:
        connection.sendall(head("GET /health HTTP/1.1"))
        assert status(read_all(connection)) == 200  # and is closed, though it was kept alive


def test_trickled_bodies_are_cut_off(port, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.3)
    with connect(port) as connection:
        connection.sendall(head("POST /predict HTTP/1.1", FORM, "Content-Length: 500"))
        send_all(connection, form(file_part(b""))[:-16])
        for _ in range(8):
            send_all(connection, b"x")
            assert_alive(port)
            time.sleep(0.05)
        connection.settimeout(20)
        answer = connection.recv(65536)
    assert status(answer) == 408
    assert json_of(answer)["hint"] == "send it again"


def test_a_body_nobody_reads_is_not_waited_for(port, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.2)
    with connect(port) as connection:
        connection.sendall(head("POST /nowhere HTTP/1.1", "Content-Length: 500000000"))
        answer = b""
        while part := connection.recv(65536):  # until it is closed
            answer += part
    assert status(answer) in (404, 413)


def ask_without_reading(connection, times):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
    connection.sendall(head("GET /openapi.json HTTP/1.1") * times)


def test_a_client_that_does_not_read_is_cut_off(port, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.2)
    with connect(port) as connection:
        ask_without_reading(connection, 300)
        time.sleep(1)
        assert read_all(connection).count(b"HTTP/1.1 200") < 300


def test_an_address_that_a_client_claims_is_not_believed(listening):
    with listening(rate_limit=5) as port:
        claims = [f"X-Forwarded-For: 10.0.0.{number}" for number in range(20)]
        answers = [status(ask(port, "GET /health HTTP/1.1", claim)) for claim in claims]
    assert answers.count(429) >= 10


def test_a_case_nobody_waits_for_leaves_the_queue(listening, warm_bench, monkeypatch):
    gate, begun = threading.Event(), threading.Event()

    def generate(request):
        begun.set()
        assert gate.wait(60)

    monkeypatch.setattr(warm_bench.chosen.engine, "generate", generate)
    monkeypatch.setattr(models, "CASES_WAITING", 1)
    body = form(file_part(GOOD))
    asked = [FORM, f"Content-Length: {len(body)}"]
    with listening(timeout_s=0.5) as port, connect(port) as working:
        working.sendall(head("POST /case HTTP/1.1", *asked) + body)
        assert begun.wait(60)
        with connect(port) as waiting:
            waiting.sendall(head("POST /case HTTP/1.1", *asked) + body)
            while b"in_flight 3.0" not in ask(port, "GET /metrics HTTP/1.1"):
                time.sleep(0.01)
        found = 429
        deadline = time.monotonic() + 20
        while found == 429 and time.monotonic() < deadline:
            with connect(port) as another:
                another.sendall(head("POST /report HTTP/1.1", *asked) + body)
                found = status(another.recv(4096))
        gate.set()
    assert found == 200


def test_more_connections_than_there_may_be(port, monkeypatch):
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 0)
    with connect(port) as connection:
        answer = read_all(connection)
    assert status(answer) == 503
    assert b"retry-after: 1" in answer.lower()
    monkeypatch.undo()
    assert_alive(port)


def test_uploads_together_may_take_so_much_memory(listening, monkeypatch):
    monkeypatch.setattr(bodies, "MOST_BODIES", 1)
    body = form(file_part(bytes(700_000)))
    asked = ("POST /predict HTTP/1.1", FORM, f"Content-Length: {len(body)}")
    with listening(max_upload_bytes=1 << 20) as port:
        with connect(port) as first:
            first.sendall(head(*asked) + body[:-100])
            answers = [ask(port, *asked, body=body) for _ in range(3)]
            send_all(first, body[-100:])
            answers.append(first.recv(65536))
        refused = [answer for answer in answers if status(answer) == 429]
        assert refused
        assert json_of(refused[0])["error"] == "too many uploads at once"
        assert status(ask(port, *asked, body=body)) == 422


def test_a_client_that_hangs_up_is_not_waited_for(port):
    body = form(file_part(GOOD))
    asked = head("POST /report HTTP/1.1", FORM, f"Content-Length: {len(body)}")
    for _ in range(5):
        with connect(port) as connection:
            connection.sendall(asked + body)
    threads = [threading.Thread(target=assert_alive, args=(port,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer = ask(port, "POST /predict HTTP/1.1", FORM, f"Content-Length: {len(body)}", body=body)
    assert status(answer) == 200
