"""``medx serve`` as a process: it starts, is killed, starts again, and stops in order."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
import uploads
from raw_http import FORM, connect, file_part, form, head, json_of, read_all, status_of

GOOD = uploads.png(uploads.square())


class Process:
    """A running command."""

    def __init__(self, *options):
        command = [sys.executable, "-c", "from medx.cli import main; main()", "serve", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, bufsize=1)
        self.heard = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.heard.append(line)

    @property
    def port(self):
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", "".join(self.heard))):
            assert self.process.poll() is None, self.heard
            time.sleep(0.05)
        return int(found.group(1))

    def get(self, path, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)

    def wait_until_ready(self):
        while True:
            assert self.process.poll() is None, self.heard
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if self.get("/ready")["ready"]:
                    return
            time.sleep(0.1)

    def end(self, number):
        self.process.send_signal(number)
        code = self.process.wait(60)
        self._reader.join(10)
        return code


@pytest.fixture
def run_serve(settings):
    started = []

    def run(*options):
        wanted = [part for name, value in settings.items() for part in (f"--{name}", value)]
        started.append(Process(*wanted, *options))
        return started[-1]

    yield run
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        one.process.stderr.close()


def predict_request(token):
    body = form(file_part(GOOD, "Meyerbeer.png"))
    length = f"Content-Length: {len(body)}"
    asked = head("POST /predict HTTP/1.1", FORM, length, f"Authorization: Bearer {token}")
    return asked + body


def test_it_starts_is_killed_starts_again_and_stops(run_serve, monkeypatch):
    monkeypatch.setenv("MEDX_SERVE_TOKEN", "t0ken")
    first = run_serve("--port", "0", "--offline")
    first.wait_until_ready()
    port = first.port
    with pytest.raises(urllib.error.HTTPError, match="401"):
        first.get("/metadata")
    assert first.get("/metadata", "t0ken")["engine"] == "mock"
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    again = run_serve("--port", str(port), "--token", "other")
    again.wait_until_ready()
    with connect(port) as connection:
        request = predict_request("other")
        connection.sendall(request[:-1])
        time.sleep(0.2)
        again.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        connection.sendall(request[-1:])
        answer = read_all(connection)
    assert status_of(answer) == 200  # it was in flight and has been finished
    assert json_of(answer)["prediction"]["label"]
    assert again.process.wait(60) == 0
    again._reader.join(10)
    log = "".join(again.heard)
    assert "method=POST route=/predict status=200" in log
    assert "Meyerbeer" not in log
    assert "t0ken" not in log
    assert "other" not in log
    assert "Research use only" in log
    assert again.heard[0] == "loading the libraries\n"
    for said in ("the classifier", "the index", "the engine mock", "the models are loaded"):
        assert said in log
    assert not [name for name in os.listdir("/dev/shm") if name.startswith("medx-")]


def test_a_signal_ends_it_while_models_load(run_serve):
    """Between the address and the models lie seconds, or minutes where an index is built."""
    for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        server = run_serve("--port", "0")
        while not any("Research use only" in line for line in server.heard):
            assert server.process.poll() is None, server.heard
            time.sleep(0.02)
        time.sleep(0.3)  # it listens by now
        assert server.end(number) == status
        assert "Traceback" not in "".join(server.heard)


def test_a_run_that_is_none_ends_it_with_a_reason(cli, settings, tmp_path):
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    ran = cli("serve", *options, "--port", "0", "--run", tmp_path / "none")
    assert ran.exit_code == 1
    assert "error:" in ran.stderr
    assert "none" in ran.stderr


def test_a_taken_port_is_said(cli, settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = cli("serve", "--port", port, "--dataset", settings["dataset"])
    assert ran.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ran.stderr
    assert "--port" in ran.stderr


def test_a_name_that_is_no_address_is_said(cli):
    ran = cli("serve", "--host", "no.such.name.invalid", "--token", "x")
    assert ran.exit_code == 1
    assert "error: cannot listen on" in ran.stderr


@pytest.mark.parametrize(
    "options", [("--port", "70000"), ("--queue-limit", "0"), ("--timeout", "0")]
)
def test_odd_options_are_wrong_usage(cli, options):
    assert cli("serve", *options).exit_code == 2
