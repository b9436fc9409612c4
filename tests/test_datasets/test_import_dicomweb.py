import json
import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from test_core.image_seeds import deflate
from test_datasets.dicom_files import identifying, leaks, write_dicom

from medx.core import limits
from medx.datasets.importers import dicomweb_server
from medx.datasets.manifest_files import load_manifest


class Archive:
    """A small DICOMweb server that can be told to misbehave."""

    def __init__(self, folder):
        self.files, self.requests, self.trouble = {}, [], {}
        for path in sorted(folder.rglob("*.dcm")):
            dataset = write_dicom(path)
            self.files[str(dataset.SOPInstanceUID)] = (dataset, path)
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                archive.requests.append((self.path, self.headers.get("Authorization")))
                archive.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/dicom-web"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        path = request.path.split("?")[0]
        kind = "instance" if "/instances/" in path else "search"
        troubles = self.trouble.get(kind)
        if troubles and (trouble := troubles.pop(0)):
            return trouble(request)
        if kind == "instance":
            content = self.files[path.rsplit("/", 1)[1]][1].read_bytes()
            body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--x--"
            return send(request, body, 'multipart/related; type="application/dicom"; boundary=x')
        return send(request, json.dumps(self.search(request.path)).encode())

    def search(self, path):
        """Answer with everything, whatever the offset: the worst way to page."""
        key, uids = "0020000D", {str(d.StudyInstanceUID) for d, _ in self.files.values()}
        if path.split("?")[0].endswith("/series"):
            key, uids = "0020000E", {str(d.SeriesInstanceUID) for d in self._within(path)}
        if path.split("?")[0].endswith("/instances"):
            key, uids = "00080018", {str(d.SOPInstanceUID) for d in self._within(path)}
        return [{key: {"vr": "UI", "Value": [uid]}} for uid in sorted(uids)]

    def _within(self, path):
        return [d for d, _ in self.files.values() if d.StudyInstanceUID in path.split("/")]


def send(request, body, kind="application/dicom+json", status=200):
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def status(code):
    return lambda request: send(request, b"[]", status=code)


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Three films on a server, the network allowed, and no time lost in waiting."""
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(dicomweb_server, "FIRST_WAIT", 0.01)
    for i in range(3):
        (tmp_path / "pacs").mkdir(exist_ok=True)
        (tmp_path / "pacs" / f"{i}.dcm").touch()
    archive = Archive(tmp_path / "pacs")
    yield archive
    archive.server.shutdown()
    archive.server.server_close()


def fetch(cli, archive, *options):
    return cli("data", "import", "--dicomweb", archive.url, "--output", "d", "--json", *options)


def test_busy_servers_are_asked_again(cli, archive):
    archive.trouble = {"search": [status(503), status(429)], "instance": [status(502)]}
    result = fetch(cli, archive)
    assert result.exit_code == 0, result.stderr
    assert result.json["images"] == 3
    assert result.json["skipped"] == []


def test_what_fails_is_skipped_listed_and_fetched_by_the_next_run(cli, archive, tmp_path):
    def junk(request):
        send(request, b"--x\r\n\r\nnot DICOM\r\n--x--", "multipart/related; boundary=x")

    archive.trouble = {"instance": [status(404), junk]}
    first = fetch(cli, archive)
    assert first.json["images"] == 1
    reasons = " ".join(row["reason"] for row in first.json["skipped"])
    assert "the server answered HTTP 404" in reasons
    assert "not what DICOMweb sends" in reasons
    assert (tmp_path / "d" / "skipped.csv").is_file()
    before = len(archive.requests)
    second = fetch(cli, archive)
    assert second.json["images"] == 3
    assert sum("/instances/" in path for path, _ in archive.requests[before:]) == 2
    assert not (tmp_path / "d" / "skipped.csv").exists()
    texts = identifying(tmp_path / "pacs")
    assert leaks(texts, tmp_path / "d", first.stdout, first.stderr, second.stderr) == set()


def test_rows_edited_between_two_runs_stay(cli, archive, tmp_path):
    fetch(cli, archive, "--limit", "1")
    manifest = tmp_path / "d" / "manifest.csv"
    head, row, *_ = manifest.read_text().splitlines()
    cells = row.split(",")
    cells[head.split(",").index("label")] = "normal"
    manifest.write_text("\n".join([head, ",".join(cells)]) + "\n")
    assert fetch(cli, archive).json["images"] == 3
    assert [r.label for r in load_manifest(tmp_path / "d").records] == ["normal", None, None]


def test_another_instance_than_the_one_asked_for_is_refused(cli, archive):
    uids = list(archive.files)
    archive.files = {uid: (archive.files[uid][0], archive.files[uids[0]][1]) for uid in uids}
    result = fetch(cli, archive)
    assert result.json["images"] == 1
    assert "another instance" in result.json["skipped"][0]["reason"]


def test_a_server_that_dies_ends_the_import_and_keeps_what_was_fetched(cli, archive, tmp_path):
    def hang_up(request):
        request.connection.close()

    archive.trouble = {"instance": [None] + [hang_up] * 8}
    result = fetch(cli, archive)
    assert result.json["images"] == 1
    assert {row["reason"].split(": ")[-1] for row in result.json["skipped"]} == {
        "connection failed"
    }
    assert len(load_manifest(tmp_path / "d").records) == 1


def test_ctrl_c_keeps_what_was_fetched(cli, archive, tmp_path):
    def interrupt(request):
        os.kill(os.getpid(), signal.SIGINT)

    archive.trouble = {"instance": [None, None, interrupt]}
    result = fetch(cli, archive)
    assert result.exit_code == 130
    assert "kept what was fetched in d; run again to go on" in result.stderr
    assert len(load_manifest(tmp_path / "d").records) == 2


@pytest.mark.parametrize("limit", ["MAX_ANSWER", "MAX_INSTANCE"])
def test_answers_without_end_are_cut_off(cli, archive, monkeypatch, limit):
    monkeypatch.setattr(dicomweb_server, limit, 10)
    result = fetch(cli, archive)
    assert result.exit_code == 1
    assert "larger than" in result.stderr


def test_deflated_instances_are_read_and_bombs_are_not(cli, archive, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INFLATED", 1 << 20)
    (good, path), (bomb, other), _ = archive.files.values()
    bomb.add_new(0x00091001, "OB", bytes(20 << 20))
    for dataset, file in ((good, path), (bomb, other)):
        file.write_bytes(deflate(dataset))
    assert other.stat().st_size < 100_000
    result = fetch(cli, archive)
    assert result.json["images"] == 2
    assert "unpacks to more than medx reads safely" in result.json["skipped"][0]["reason"]


def test_a_refused_connection_is_one_clear_line(cli, archive):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = cli("data", "import", "--dicomweb", f"http://127.0.0.1:{port}/x", "--output", "d")
    assert result.exit_code == 1
    assert "connection refused" in result.stderr
    assert "hint: check the address and that the server runs" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_token_is_sent_and_never_written(cli, archive, monkeypatch, tmp_path):
    archive.trouble = {"search": [status(401)]}
    refused = fetch(cli, archive)
    assert "MEDX_DICOMWEB_TOKEN" in refused.stderr
    monkeypatch.setenv("MEDX_DICOMWEB_TOKEN", "token-of-the-test")
    result = fetch(cli, archive)
    assert archive.requests[-1][1] == "Bearer token-of-the-test"
    assert leaks({b"token-of-the-test"}, tmp_path / "d", result.stdout, result.stderr) == set()


def test_an_address_that_speaks_something_else(cli, archive):
    archive.trouble = {"search": [lambda request: send(request, b"<html>", "text/html")]}
    result = fetch(cli, archive)
    assert result.exit_code == 1
    assert "not what DICOMweb sends" in result.stderr


def test_a_folder_with_other_things_is_left_alone(cli, archive, two_class, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "notes.txt").write_text("mine")
    assert "exists already" in fetch(cli, archive).stderr
    result = cli("data", "import", "--dicomweb", archive.url, "--output", two_class)
    assert "exists already" in result.stderr


def test_wrong_use(cli, archive, monkeypatch):
    assert "DICOMweb service" in cli(
        "data", "import", "--dicomweb", "nowhere", "--output", "d"
    ).stderr  # fmt: skip
    assert "neither a SOURCE" in fetch(cli, archive, "folder").stderr
    assert "go with --dicomweb" in cli(
        "data", "import", "x", "--limit", 3, "--output", "d"
    ).stderr  # fmt: skip
    assert "leave out --offline" in fetch(cli, archive, "--offline").stderr


def test_without_the_extra_the_install_command_is_named(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "medx.datasets.importers.dicomweb_server", None)
    result = cli("data", "import", "--dicomweb", "http://127.0.0.1:9/x", "--output", "d")
    assert "pip install 'medx[dicomweb]'" in result.stderr


def test_labels_are_joined_before_keys_are_replaced(cli, archive, tmp_path):
    sheet = tmp_path / "labels.csv"
    rows = [f"{uid},{label}" for uid, label in zip(archive.files, "aab", strict=True)]
    sheet.write_text("\n".join(["SOPInstanceUID,label", *rows]) + "\n")
    result = fetch(cli, archive, "--labels", sheet)
    assert result.json["classes"] == ["a", "b"]
    assert result.json["counts"] == {"-": {"a": 2, "b": 1}}
    texts = identifying(tmp_path / "pacs")
    assert leaks(texts, tmp_path / "d", result.stdout, result.stderr) == set()
