import email.utils
import threading
import time

import pytest
from fault_server import (
    GOOD,
    FaultServer,
    completion,
    cut,
    encode,
    flood,
    hang,
    raw,
    refuse,
    reset,
    say,
    trickle,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medx.core.errors import EngineError
from reportgen.engines.base import Generation
from reportgen.engines.openai_http import MAX_BODY, Retries

HTML = b"<!doctype html><html><head><title>502 Bad Gateway</title></head></html>"
SOON = email.utils.formatdate(time.time(), usegmt=True)

PASSING = {
    "408": (refuse(408), "answered 408: no"),
    "409": (refuse(409), "answered 409: no"),
    "429": (refuse(429, "slow down"), "answered 429: slow down"),
    "429 with seconds": (refuse(429, Retry_After="0.1"), "answered 429"),
    "429 with a date": (refuse(429, Retry_After=SOON), "answered 429"),
    "429 with nonsense": (refuse(429, Retry_After="-soon"), "answered 429"),
    "500": (raw(b"", 500, "text/plain"), "answered 500: it is empty"),
    "502 in HTML": (raw(HTML, 502, "text/html"), r"answered 502: an HTML page \(502 Bad Gateway\)"),
    "503": (refuse(503, "loading model"), "answered 503: loading model"),
    "a page": (raw(HTML, 200, "text/html"), "cannot be read: an HTML page"),
    "half the JSON": (raw(encode(completion())[:-40]), "cannot be read: Invalid JSON: EOF"),
    "nothing": (raw(b""), "cannot be read: it is empty"),
    "other JSON": (raw(b'{"object": "list"}'), "cannot be read: choices: Field required"),
    "no choices": (raw(b'{"choices": []}'), "cannot be read: choices: List should have"),
    "not UTF-8": (raw(encode(completion()).replace(b"clear", b"cl\xe4\xffr")), "Invalid JSON"),
    "events": (raw(b"data: {}\n\n", kind="text/event-stream"), "a stream of events"),
    "cut": (cut, "no answer from"),
    "reset": (reset, "no answer from"),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_is_asked_again(fault, make_engine, make_request, capfd):
    with FaultServer(PASSING[fault][0]) as server:
        generation = make_engine(server).generate(make_request())
    assert (generation.text, generation.tokens) == (GOOD, 7)
    assert len(server.bodies) == 2
    assert server.bodies[0] == server.bodies[1]
    said = capfd.readouterr().err
    assert said.count("asking again: ") == 1
    assert "1 request had to be repeated" in said


@pytest.mark.parametrize("fault", PASSING)
def test_a_lasting_fault_ends_in_a_clear_error(fault, make_engine, make_request):
    behaviour, message = PASSING[fault]
    with FaultServer(*[behaviour] * 3) as server:
        engine = make_engine(server)
        with pytest.raises(EngineError, match=message) as caught:
            engine.generate(make_request())
    assert str(caught.value).endswith("(3 attempts)")
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, None),
        (401, "set MEDX_OPENAI_API_KEY"),
        (403, "set MEDX_OPENAI_API_KEY"),
        (404, "the server has medgemma-4b-it: pass one with --model"),
        (413, None),
        (422, None),
    ],
)
def test_a_refusal_is_not_asked_again(status, hint, make_engine, make_request):
    with FaultServer(refuse(status, "not like this")) as server:
        engine = make_engine(server)
        with pytest.raises(
            EngineError, match=f"^the server answered {status}: not like this$"
        ) as c:
            engine.generate(make_request())
    assert len(server.bodies) == 1
    assert (c.value.hint or "").startswith(hint or "")
    assert (c.value.hint is None) == (hint is None)


def test_a_refused_key_names_its_variable(make_engine, make_request, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    with FaultServer(refuse(401)) as server:
        engine = make_engine(server)
        with pytest.raises(EngineError) as caught:
            engine.generate(make_request())
    assert caught.value.hint == "127.0.0.1 does not take the key in OPENAI_API_KEY"


def test_images_do_not_follow_a_redirect(make_engine, make_request):
    with FaultServer() as other, FaultServer(raw(b"", 307, Location=other.url)) as server:
        engine = make_engine(server)
        with pytest.raises(EngineError, match="the server answered 307"):
            engine.generate(make_request())
    assert other.paths == []


@pytest.mark.parametrize(
    "detail",
    [{"detail": "why"}, {"error": "why"}, {"message": "why"}, {"error": {"message": "why"}}],
)
def test_the_error_forms_of_servers_are_understood(detail, make_engine, make_request):
    with FaultServer(raw(encode(detail), 400)) as server:
        engine = make_engine(server)
        with pytest.raises(EngineError, match=r"^the server answered 400: why$"):
            engine.generate(make_request())


def test_json_that_calls_itself_text_is_read(make_engine, make_request):
    with FaultServer(raw(encode(completion()), kind="text/plain")) as server:
        assert make_engine(server).generate(make_request()).text == GOOD


def test_an_answer_without_end_is_not_kept(make_engine, make_request):
    with FaultServer(flood) as server:
        engine = make_engine(server)
        with pytest.raises(EngineError, match="longer than 8 MiB"):
            engine.generate(make_request())
    assert len(server.bodies) == 1


def test_a_huge_answer_is_not_read(make_engine, make_request):
    with FaultServer(raw(encode(completion("x" * MAX_BODY)))) as server:
        engine = make_engine(server)
        with pytest.raises(EngineError, match="longer than 8 MiB"):
            engine.generate(make_request())


@pytest.mark.parametrize("slow", [hang, trickle])
def test_a_slow_answer_runs_into_the_time_out(slow, make_engine, make_request):
    with FaultServer(slow) as server:
        engine = make_engine(server, timeout=1.0)
        with pytest.raises(EngineError, match=r"no complete answer from .* in 1 s") as caught:
            engine.generate(make_request())
    assert caught.value.hint == "raise --timeout, or lower --concurrency"
    assert len(server.bodies) == 1


def test_retry_after_is_waited_for(make_engine, make_request):
    asked = []

    def limited(handler, body):
        asked.append(time.monotonic())
        refuse(429, Retry_After="1")(handler, body)

    def well(handler, body):
        asked.append(time.monotonic())
        say()(handler, body)

    with FaultServer(limited, well) as server:
        make_engine(server).generate(make_request())
    assert asked[1] - asked[0] >= 0.99


def test_a_long_retry_after_is_not_waited_for(make_engine, make_request):
    with FaultServer(refuse(429, "quota", Retry_After="3600")) as server:
        engine = make_engine(server)
        with pytest.raises(EngineError, match="429: quota") as caught:
            engine.generate(make_request())
    assert caught.value.hint == "the server asks to come back in 3600 s: go on then with --resume"
    assert len(server.bodies) == 1


@settings(max_examples=100, deadline=None)
@given(
    attempt=st.integers(1, 50),
    asked=st.none() | st.floats(0, 1e4),
    first=st.floats(0.001, 10),
    longest=st.floats(10, 100),
)
def test_pauses_grow_to_a_limit_and_never_undercut_the_server(attempt, asked, first, longest):
    pause = Retries(first=first, longest=longest).pause(attempt, asked)
    if asked is None:
        bound = min(longest, first * 2 ** (attempt - 1))
        assert bound / 2 <= pause <= bound
    else:
        assert asked <= pause <= asked + first


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    noise=st.binary(max_size=80)
    | st.tuples(st.integers(0, 200), st.binary(max_size=3)).map(
        lambda edit: encode(completion())[: edit[0]] + edit[1] + encode(completion())[edit[0] :]
    ),
    status=st.sampled_from([200, 400, 500]),
)
def test_no_bytes_of_a_server_break_the_engine(noise, status, fuzzed, make_request):
    server, engine = fuzzed
    server.script.append(raw(noise, status))
    ((position, answer),) = engine.generate_all([make_request()])
    assert position == 0
    assert isinstance(answer, Generation | EngineError)
    assert str(answer).isprintable() or isinstance(answer, Generation)


@pytest.fixture
def fuzzed(make_engine):
    with FaultServer() as server:
        yield server, make_engine(server, Retries(attempts=1))


@pytest.mark.parametrize(("concurrency", "asked"), [(1, 4), (2, 5), (6, 11)])
def test_a_server_that_is_gone_is_not_asked_for_ever(concurrency, asked, make_engine, make_request):
    with FaultServer(*[reset] * 99) as server:
        engine = make_engine(server, Retries(attempts=1), concurrency=concurrency)
        answers = dict(engine.generate_all([make_request()] * 20))
    assert sorted(answers) == list(range(20))
    assert len(server.bodies) <= asked
    starts = [str(answers[i]).split(" http")[0] for i in range(20)]
    assert starts == ["no answer from"] * len(server.bodies) + ["not asked:"] * (
        20 - len(server.bodies)
    )
    assert answers[19].hint == "go on with --resume"


def test_a_server_that_is_gone_is_knocked_at_before_more_is_asked(make_engine, make_request):
    with FaultServer(*[reset] * 4) as server:
        engine = make_engine(server, Retries(attempts=1), concurrency=1)
        list(engine.generate_all([make_request()] * 6))
        answered, server.on_greeting = server.on_greeting, reset
        later = dict(engine.generate_all([make_request()] * 6))  # the next images of a run
        assert len(server.bodies) == 4
        assert all(str(answer).startswith("not asked") for answer in later.values())
        server.on_greeting = answered
        back = dict(engine.generate_all([make_request()] * 2))
    assert all(isinstance(answer, Generation) for answer in back.values())


def test_failures_between_answers_do_not_stop_the_rest(make_engine, make_request):
    with FaultServer(*[reset, reset, reset, say()] * 4) as server:
        engine = make_engine(server, Retries(attempts=1), concurrency=1)
        answers = [answer for _, answer in engine.generate_all([make_request()] * 16)]
    assert len(server.bodies) == 16
    assert [isinstance(answer, Generation) for answer in answers] == [False, False, False, True] * 4


def test_requests_end_when_the_caller_stops(make_engine, make_request):
    with FaultServer(say(), *[hang] * 9) as server:
        answers = make_engine(server, concurrency=2).generate_all([make_request()] * 4)
        next(answers)
        answers.close()
        assert not [t for t in threading.enumerate() if t.name == "medx-requests"]
