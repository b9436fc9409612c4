"""What happens when there is more to do than can be done, and when something fails."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import uploads
from raw_http import FORM, ask, connect, file_part, form, head, json_of, read_all, status_of

from medx.core.errors import EngineError
from medx.server import kept as kept_module
from medx.server import uploads as uploads_module
from medx.server.batching import Busy, MicroBatcher
from medx.server.kept import Kept, KeptCases
from medx.server.workers import Workers
from reportgen.engines.choose import ChosenEngine

GOOD = uploads.png(uploads.square())


class Slow:
    """Stands before a method; lets calls through once it is told to."""

    def __init__(self, method):
        self.method, self.gate, self.started = method, threading.Event(), threading.Event()
        self.sizes = []

    def __call__(self, ids, *rest):
        self.sizes.append(len(ids))
        self.started.set()
        assert self.gate.wait(30)
        return self.method(ids, *rest)


@pytest.fixture
def slow(serve, warm_bench, monkeypatch):
    """A server whose classifier waits for ``gate``."""

    def start(**settings):
        client = serve(**settings)
        classifier = client.app.state.server.loaded.bench.classifier
        held = Slow(classifier.predict)
        monkeypatch.setattr(classifier, "predict", held)
        return client, held

    return start


def send(client, content=GOOD, path="/predict"):
    return client.post(path, files={"file": content})


def test_more_than_may_wait_are_told_to_come_back(slow):
    client, held = slow(queue_limit=2, batch_size=1)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(send, client)]
        assert held.started.wait(20)
        jobs += [pool.submit(send, client) for _ in range(7)]
        while sum(job.done() for job in jobs) < 5:
            assert client.get("/health").status_code == 200
            time.sleep(0.01)
        held.gate.set()
        answers = [job.result() for job in jobs]
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 3 + [429] * 5
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"].startswith("too many requests wait for")


def test_what_takes_too_long_is_given_up(slow):
    client, held = slow(timeout_s=1)
    answer = send(client)
    held.gate.set()
    assert answer.status_code == 503
    assert answer.json()["error"] == "it took too long"
    assert answer.headers["retry-after"] == "1"
    assert send(client).status_code == 200


def test_what_waits_goes_through_together(slow):
    client, held = slow(batch_size=8)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(send, client)]
        assert held.started.wait(20)
        jobs += [pool.submit(send, client) for _ in range(7)]
        queue = client.app.state.server.loaded.queues[0]
        while queue.waiting < 7:
            time.sleep(0.01)
        held.gate.set()
        assert {job.result().status_code for job in jobs} == {200}
    assert held.sizes == [1, 7]
    assert 'medx_batch_size_bucket{le="8.0",model="classifier"} 2.0' in client.get("/metrics").text


def test_models_that_load_are_said_to(serve, warm_bench):
    from starlette.testclient import TestClient

    from medx.server.app import create_app
    from medx.server.config import ServeConfig

    gate = threading.Event()

    def open_late():
        gate.wait(20)
        return warm_bench

    with TestClient(create_app(ServeConfig(), open_late), base_url="http://127.0.0.1") as client:
        assert client.get("/health").status_code == 200
        for path in ("/ready", "/metadata", "/samples", "/items/x/image"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
        assert client.get("/ready").json()["reason"] == "the models are still loading"
        assert send(client).status_code == 503
        gate.set()
        while client.get("/ready").status_code != 200:
            time.sleep(0.01)
        assert send(client).status_code == 200


def test_models_that_cannot_be_loaded_stop_the_server():
    from starlette.testclient import TestClient

    from medx.server.app import create_app
    from medx.server.config import ServeConfig

    def fail():
        raise EngineError("no run in /srv/secret")

    told = threading.Event()
    app = create_app(ServeConfig(), fail)
    app.state.server.on_failure = told.set
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert told.wait(10)
        answer = client.get("/ready")
        assert answer.status_code == 503
        assert "secret" not in answer.text + client.get("/metadata").text
    assert str(app.state.server.failure) == "no run in /srv/secret"


def test_an_engine_that_fails_leaves_the_case(serve, warm_bench):
    class Broken(type(warm_bench.chosen.engine)):
        def generate(self, request):
            raise EngineError("the engine broke", hint="mend it")

    chosen = ChosenEngine(engine=Broken(warm_bench.chosen.engine.config), reason="asked for")
    said = send(serve(replace(warm_bench, chosen=chosen)), path="/case").json()
    assert said["case"]["withheld"] == {
        "kind": "failed", "reason": "the engine broke", "hint": "mend it",
    }  # fmt: skip
    assert said["case"]["prediction"]["label"]


def test_pictures_of_a_gone_dataset_name_no_folder(serve, warm_bench, monkeypatch):
    index = warm_bench.gallery.index
    gone = index.description.model_copy(update={"dataset_source": "/nowhere/secret"})
    monkeypatch.setattr(index, "description", gone)
    answer = serve().get("/items/train-normal-000/image")
    assert answer.status_code == 409
    assert "secret" not in answer.text


def test_pixels_of_all_requests_are_bounded(client, monkeypatch):
    held = client.app.state.server.uploads
    before = held._held
    monkeypatch.setattr(uploads_module, "MOST_HELD", 1)
    monkeypatch.setattr(held, "_held", 1)
    assert send(client).status_code == 429
    monkeypatch.undo()
    assert send(client).status_code == 200
    assert held._held == before == 0


def test_one_bad_item_fails_alone():
    def work(items):
        if "bad" in items:
            raise ValueError("bad")
        return [item.upper() for item in items]

    async def run():
        batcher = MicroBatcher("x", work, batch_size=4, queue_limit=10)
        batcher.start()
        jobs = [batcher.submit(item) for item in ("a", "bad", "b", "c")]
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        await batcher.stop()
        return answers

    first, second, *rest = asyncio.run(run())
    assert [first, *rest] == ["A", "B", "C"]
    assert isinstance(second, ValueError)


def test_a_batcher_that_stops_leaves_nobody_waiting():
    gate = threading.Event()

    async def run():
        batcher = MicroBatcher(
            "x", lambda items: gate.wait(9) and items, batch_size=1, queue_limit=1
        )
        batcher.start()
        jobs = [asyncio.create_task(batcher.submit("a"))]
        await asyncio.sleep(0.05)
        jobs.append(asyncio.create_task(batcher.submit("b")))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await batcher.submit("c")
        await batcher.stop()
        done = await asyncio.wait_for(asyncio.gather(*jobs, return_exceptions=True), 5)
        gate.set()
        return done

    assert all(isinstance(answer, asyncio.CancelledError) for answer in asyncio.run(run()))


def test_a_server_that_stops_tells_who_waits(listening, warm_bench, monkeypatch):
    gate, begun = threading.Event(), threading.Event()

    def generate(request):
        begun.set()
        assert gate.wait(60)

    monkeypatch.setattr(warm_bench.chosen.engine, "generate", generate)
    body = form(file_part(GOOD))
    length = f"Content-Length: {len(body)}"
    with ExitStack() as stack:
        with listening(timeout_s=0.5) as port:
            asking = [stack.enter_context(connect(port)) for _ in range(2)]
            asking[0].sendall(head("POST /report HTTP/1.1", FORM, length) + body)
            assert begun.wait(60)
            asking[1].sendall(head("POST /case HTTP/1.1", FORM, length) + body)
            while b"in_flight 3.0" not in ask(port, "GET /metrics HTTP/1.1"):
                time.sleep(0.01)
        streamed, whole = (read_all(connection) for connection in asking)
        gate.set()
    assert status_of(streamed) == 200
    assert b"the server is stopping" in streamed
    assert streamed.endswith(b"0\r\n\r\n")  # a whole answer
    assert status_of(whole) == 503
    assert "the server is stopping" in json_of(whole)["error"]


def test_workers_have_a_queue_and_a_clock():
    gate = threading.Event()

    async def run():
        workers = Workers("x", 1, queue_limit=2, timeout_s=0.2)
        jobs = [asyncio.create_task(workers.run(gate.wait, 5)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await workers.run(int)
        late = await asyncio.gather(*jobs, return_exceptions=True)
        gate.set()
        assert await workers.run(int, "7") == 7
        workers.close()
        return late

    assert all(isinstance(one, asyncio.TimeoutError) for one in asyncio.run(run()))


def test_kept_cases_are_few_small_and_young(warm_bench, monkeypatch):
    study = warm_bench.study(uploads.square(40))
    monkeypatch.setattr(kept_module, "MOST", 3)

    async def run():
        kept = KeptCases()
        ids = [kept.keep(Kept(study=study)) for _ in range(4)]
        assert len(set(ids)) == 4
        assert kept.get(ids[-1]).study is study
        for gone in (ids[0], "guessed"):
            with pytest.raises(Exception, match="unknown case"):
                kept.get(gone)
        monkeypatch.setattr(kept_module, "MOST_BYTES", 1)
        last = kept.keep(Kept(study=replace(study, pixels=np.zeros((400, 400), np.uint8))))
        assert len(kept._cases) == 1
        now = time.monotonic()
        # Not of the module time itself: event loops of other servers read that clock.
        monkeypatch.setattr(kept_module, "time", SimpleNamespace(monotonic=lambda: now + 901))
        with pytest.raises(Exception, match="unknown case"):
            kept.get(last)

    asyncio.run(run())
