"""Whole runs over a server that fails: nothing is lost, and a second run does the rest."""

import json
import signal
import threading
from collections import Counter

import pytest
from fault_server import (
    GOOD,
    FaultServer,
    completion,
    cut,
    encode,
    hang,
    raw,
    refuse,
    reset,
    say,
    trickle,
)

from medx.core.errors import EngineError
from medx.core.runs import logging_to, save_config
from reportgen.engines.choose import ChosenEngine
from reportgen.generate import generate_reports

SECRET = "sk-0123456789-never-written"

#: What fails one image when it alone is asked about: three attempts, or one.
FAULTS = {
    "cut": [cut] * 3,
    "reset": [reset] * 3,
    "429": [refuse(429)] * 3,
    "500": [refuse(500)] * 3,
    "truncated": [raw(encode(completion())[:-9])] * 3,
    "not UTF-8": [raw(encode(completion()).replace(b"clear", b"\xff\xfe"))] * 3,
    "a page": [raw(b"<html>login</html>", kind="text/html")] * 3,
    "400": [refuse(400)],
    "slow": [trickle],
    "empty": [say("")],
}


@pytest.fixture
def report(make_engine, make_items, strategies, tmp_path):
    """Report on 10 images in free text."""

    def run(server, *, resume=False, count=10, **config):
        engine = make_engine(server, free_text=True, **config)
        chosen = ChosenEngine(engine=engine, reason="a test")
        run_dir = tmp_path / "run"
        run_dir.mkdir(exist_ok=True)
        with logging_to(run_dir):
            save_config(run_dir, vars(engine.config))
            return generate_reports(
                make_items(count), [strategies["concise"]], chosen, run_dir, resume=resume
            )

    return run


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_own_image_and_resume_writes_that(fault, report):
    with FaultServer(*FAULTS[fault]) as server:
        result = report(server, concurrency=1, timeout=1.5, count=3)
    assert [failure.image_id for failure in result.failures] == ["case-0"]
    assert [row.image_id for row in result.reports] == ["case-1", "case-2"]
    with FaultServer() as server:
        again = report(server, resume=True, count=3)
    assert (again.resumed, len(again.reports), len(server.bodies)) == (2, 3, 1)


def test_all_faults_at_once_lose_no_image(report):
    with FaultServer(*[fault for faults in FAULTS.values() for fault in faults]) as server:
        result = report(server, concurrency=3, timeout=1.5, count=16)
    # Which image meets which fault is up to the threads.
    ids = [row.image_id for row in result.reports] + [f.image_id for f in result.failures]
    assert Counter(ids) == Counter(f"case-{i}" for i in range(16))
    assert len(result.reports) >= 6
    with FaultServer() as server:
        again = report(server, resume=True, count=16)
    assert (again.resumed, len(again.reports)) == (len(result.reports), 16)
    assert len(server.bodies) == len(result.failures)


def test_a_server_that_goes_down_loses_nothing(report, tmp_path):
    with FaultServer() as server:
        port = server.server_port
        down = threading.Event()

        def last(handler, body):
            say()(handler, body)
            down.set()

        server.script.extend([say(), last, *[reset] * 99])
        result = report(server, concurrency=1)
    assert down.is_set()
    assert (len(result.reports), len(result.failures)) == (2, 8)
    assert "not asked" in result.failures[-1].reason
    with FaultServer(port=port) as server:
        again = report(server, resume=True)
    assert (again.resumed, len(again.reports), len(server.bodies)) == (2, 10, 8)


def test_a_run_without_one_report_is_an_error_that_can_be_resumed(report):
    with (
        FaultServer(*[refuse(500)] * 9) as server,
        pytest.raises(
            EngineError, match="all 3 reports failed, first: the server answered 500: no"
        ),
    ):
        report(server, count=3)
    with FaultServer() as server:
        assert len(report(server, count=3, resume=True).reports) == 3


def test_ctrl_c_keeps_what_is_done_and_waits_for_nobody(report, tmp_path, capfd):
    written = threading.Event()

    def interrupt(handler, body):
        """Wait until two reports are on disk, then press Ctrl-C."""
        folder = tmp_path / "run" / "reports"
        while not written.wait(0.01):
            if folder.is_dir() and len(list(folder.glob("[!.]*.json"))) == 2:
                written.set()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        hang(handler, body)

    with FaultServer(say(), say(), interrupt, *[hang] * 9) as server:
        with pytest.raises(KeyboardInterrupt):
            report(server, concurrency=2)
        assert len(server.bodies) <= 4
    assert "--resume goes on" in capfd.readouterr().err
    with FaultServer() as server:
        again = report(server, resume=True)
    assert (again.resumed, len(again.reports)) == (2, 10)


def test_the_key_is_sent_and_never_written(report, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("MEDX_OPENAI_API_KEY", SECRET)
    echo = f"bad key {SECRET}"
    with FaultServer(
        refuse(503, echo), refuse(400, echo), raw(echo.encode(), 500), say(f"{GOOD} {SECRET}")
    ) as server:
        result = report(server, count=4, concurrency=1)
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {SECRET}"}
    assert (len(result.reports), len(result.failures)) == (3, 1)
    assert result.failures[0].reason == "the server answered 400: bad key [key]"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"config.yaml", "log.txt", "metrics.json"} <= {path.name for path in files}
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    out, err = capfd.readouterr()
    assert SECRET not in out + err
    assert "asking again: the server answered 503: bad key [key]" in " ".join(err.split())


def test_answers_in_json_are_read_against_the_schema(
    make_engine, make_items, strategies, tmp_path, capfd
):
    answer = json.dumps({"findings": "Clear lungs [P1].", "impression": "Normal."})
    cut = say(answer[:30], finish="length")
    with FaultServer(say(answer), say(f"```json\n{answer}\n```"), say(GOOD), cut) as server:
        chosen = ChosenEngine(engine=make_engine(server, concurrency=1), reason="a test")
        result = generate_reports(make_items(4), [strategies["concise"]], chosen, tmp_path)
    assert [row.image_id for row in result.reports] == ["case-0", "case-1"]
    assert [failure.image_id for failure in result.failures] == ["case-2", "case-3"]
    assert "cut off in the middle of its JSON" in result.failures[1].reason
    assert "(raise --max-new-tokens)" in " ".join(capfd.readouterr().err.split())
    sent = server.bodies[0]["response_format"]["json_schema"]["schema"]
    assert sorted(sent["properties"]) == ["findings", "impression"]
