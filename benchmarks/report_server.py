"""What the server engine keeps of a server's own throughput, with 8 requests in flight.

    python benchmarks/report_server.py                 # about four minutes
    python benchmarks/report_server.py --count 16 --rounds 1 --latency 0.5 --size 512  # a try
    python benchmarks/report_server.py --base-url URL --model google/medgemma-4b-it

A bare load generator (httpx2, nothing but POST and read) and the engine send the very same bodies
in turn. The bare one has them encoded before its clock starts; the engine makes its own: it shrinks
pictures to what the model sees, turns them into PNG and base64, builds messages, reads and checks
answers. Every request has an image of its own. Beside the share of the throughput stands the
engine's processor time a request, which other load on the machine changes little: it tells at what
rate one core is full.

The stand-in is no model: it answers each request after a fixed time, never more than 8 at once, in
a process of its own. An answer in 2 s is about a report of 200 to 300 tokens by a 4B model on one
GPU, by reckoning and not by measurement; 0.5 s is four times as fast. ``transformers serve`` is a
real server on this machine's CPU with a random Gemma 3 of 0.2 M parameters; it generates one answer
after the other, takes both cores, and is asked with the smallest images only. ``--base-url`` adds
any other server, such as vLLM on GPUs.

What is measured is kept as it comes: run again after an interruption, it goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from machine import describe_machine

from medx.core.console import stderr
from medx.core.files import write_json
from reportgen.config import ReportConfig
from reportgen.engines.base import Generation, GenerationRequest
from reportgen.engines.openai import OpenAIEngine
from reportgen.engines.openai_messages import build_body
from reportgen.evidence import Evidence
from reportgen.prompt import render_prompt
from reportgen.strategies.load import load_strategy

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
RESULTS = HERE / "results" / "report_server.json"
CAPACITY = 8
TOKENS = 16
SERVE = "transformers serve, random Gemma 3 of 0.2 M parameters, CPU"

sys.path.append(str(TESTS))


def main() -> None:
    """Measure each server, print the rates and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=32, help="requests a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--size", type=int, nargs="+", default=[224, 1024, 2048], help="sides of images"
    )
    parser.add_argument("--latency", type=float, nargs="+", default=[0.5, 2.0])
    parser.add_argument("--base-url", help="another server to measure")
    parser.add_argument("--model", help="its model")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    stderr.quiet = True
    record = Record(options)
    for size in options.size:
        measure_servers(make_requests(options.count, size), size, options, record)
    record.finish()
    print(f"written to {options.output}")


@dataclass
class Record:
    """What was measured, on disk after each row; rows of an interrupted run are kept."""

    options: argparse.Namespace
    rows: list[dict[str, object]] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=describe_machine)

    def __post_init__(self) -> None:
        if self._unfinished.is_file():
            found = json.loads(self._unfinished.read_text())
            if found["settings"] == self._settings:
                self.rows = found["rows"]

    def lacks(self, size: int, server: str) -> bool:
        """Tell whether a server is still to be measured with images of a size."""
        return all((row["image_side"], row["server"]) != (size, server) for row in self.rows)

    def add(self, row: dict[str, object]) -> None:
        """Write a row down."""
        self.rows.append(row)
        write_json(self._unfinished, {"settings": self._settings, "rows": self.rows})

    def finish(self) -> None:
        """Write the result."""
        about = {**self._settings, "machine": self.machine, "rows": self.rows}
        write_json(self.options.output, about)
        self._unfinished.unlink(missing_ok=True)

    @property
    def _unfinished(self) -> Path:
        return Path(self.options.output).with_suffix(".unfinished.json")

    @property
    def _settings(self) -> dict[str, object]:
        chosen = {"count": self.options.count, "rounds": self.options.rounds}
        return {"concurrency": CAPACITY, **chosen}


def measure_servers(
    requests: Sequence[GenerationRequest], size: int, options: argparse.Namespace, record: Record
) -> None:
    """Measure the stand-in, ``transformers serve`` and what ``--base-url`` names."""
    print(f"images of {size}²:")
    for latency in options.latency:
        name = f"stand-in, {latency:g} s an answer, {CAPACITY} at once"
        if record.lacks(size, name):
            with stand_in(latency) as url:
                record.add(measure(name, url, None, requests, options.rounds))
    if size == min(options.size) and record.lacks(size, SERVE):
        measure_transformers_serve(requests, options.rounds, record)
    name = f"{options.model or 'its model'} at --base-url"
    if options.base_url and record.lacks(size, name):
        record.add(measure(name, options.base_url, options.model, requests, options.rounds))


def make_requests(count: int, size: int) -> list[GenerationRequest]:
    """Return requests with generated images, of which no two are the same."""
    strategy = load_strategy("concise")
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(size), np.arange(size)) * 200 // (2 * size)
    requests = []
    for n in range(count):
        evidence = Evidence(
            image_id=str(n), dataset="generated", modality="chest radiograph",
            image_size=(size, size), synthetic=True,
        )  # fmt: skip
        noise = rng.integers(0, 16, (size, size))
        requests.append(
            GenerationRequest(
                prompt=render_prompt(strategy, evidence),
                pixels=(smooth + noise).astype(np.uint8),
                evidence=evidence,
                strategy=strategy,
                max_new_tokens=TOKENS,
            )
        )
    return requests


def measure(
    name: str, url: str, model: str | None, requests: Sequence[GenerationRequest], rounds: int
) -> dict[str, object]:
    """Return and print requests a second of both, in turn; the share is that of each pair."""
    engine = OpenAIEngine(
        ReportConfig(engine="openai", base_url=url, model=model, concurrency=CAPACITY)
    )
    made = [
        build_body(request, engine.family, model=engine.model, seed=engine.config.seed)
        for request in requests
    ]
    bodies = [json.dumps(body).encode() for body in made]
    asyncio.run(send(url, bodies[:CAPACITY]))
    bare, ours, cost = [], [], []
    for turn in range(rounds):
        for kind in ("bare", "ours") if turn % 2 == 0 else ("ours", "bare"):
            started, used = time.perf_counter(), processor_time()
            if kind == "bare":
                asyncio.run(send(url, bodies))
                bare.append(len(bodies) / (time.perf_counter() - started))
            else:
                answers = list(engine.generate_all(requests))
                ours.append(len(bodies) / (time.perf_counter() - started))
                cost.append((processor_time() - used) / len(bodies))
                failed = [answer for _, answer in answers if not isinstance(answer, Generation)]
                if failed:
                    raise failed[0]
    shares = [mine / its for mine, its in zip(ours, bare, strict=True)]
    seconds = statistics.median(cost)
    print(
        f"{name}: bare {statistics.median(bare):.2f}, engine {statistics.median(ours):.2f} "
        f"requests/s; kept {statistics.median(shares):.1%} ({min(shares):.1%}–{max(shares):.1%}); "
        f"{seconds * 1e3:.1f} ms of a core each, full at {1 / seconds:.0f} requests/s"
    )
    height, width = requests[0].pixels.shape
    return {
        "image_side": max(height, width),
        "server": name,
        "bare_per_s": round(statistics.median(bare), 3),
        "engine_per_s": round(statistics.median(ours), 3),
        "kept": round(statistics.median(shares), 4),
        "kept_least": round(min(shares), 4),
        "kept_most": round(max(shares), 4),
        "core_ms": round(seconds * 1e3, 2),
        "body_kb": round(statistics.fmean(map(len, bodies)) / 1e3),
        "load": round(os.getloadavg()[0], 2),
    }


def processor_time() -> float:
    """Return the seconds that all threads of this process have computed."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def send(url: str, bodies: Sequence[bytes]) -> None:
    """Post all bodies, ``CAPACITY`` at a time."""
    waiting = iter(bodies)
    async with httpx2.AsyncClient(timeout=None, trust_env=False) as client:

        async def worker() -> None:
            for body in waiting:
                answer = await client.post(
                    f"{url}/chat/completions",
                    content=body,
                    headers={"Content-Type": "application/json"},
                )
                answer.raise_for_status()
                answer.json()

        await asyncio.gather(*(worker() for _ in range(CAPACITY)))


@contextmanager
def stand_in(latency: float) -> Iterator[str]:
    """Run the stand-in in a process of its own; yield its base URL."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=run_stand_in, args=(latency, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def run_stand_in(latency: float, pipe: Connection) -> None:
    """Answer chat completions after ``latency`` seconds, ``CAPACITY`` at once."""
    answer = json.dumps(
        {
            "model": "stand-in",
            "choices": [
                {"message": {"content": "FINDINGS: x\nIMPRESSION: y"}, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        }
    ).encode()
    models = b'{"data": [{"id": "medgemma-stand-in"}]}'  # so that it is spoken to as one

    async def serve() -> None:
        places = asyncio.Semaphore(CAPACITY)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    lines = head.decode("latin-1").lower().split("\r\n")
                    lengths = [x.split(":")[1] for x in lines if x.startswith("content-length:")]
                    await reader.readexactly(int(lengths[0]) if lengths else 0)
                    body = models
                    if head.startswith(b"POST"):
                        async with places:
                            await asyncio.sleep(latency)
                        body = answer
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        + f"Content-Length: {len(body)}\r\n\r\n".encode()
                        + body
                    )
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1 << 20)
        pipe.send(server.sockets[0].getsockname()[1])
        async with server:
            await server.serve_forever()

    asyncio.run(serve())


def measure_transformers_serve(
    requests: Sequence[GenerationRequest], rounds: int, record: Record
) -> None:
    """Measure ``transformers serve`` with a tiny checkpoint, where it is installed."""
    from random_medgemma import write_medgemma
    from transformers_server import serving, why_not

    if reason := why_not():
        print(f"transformers serve: not measured ({reason})")
        return
    with tempfile.TemporaryDirectory() as folder:
        model = write_medgemma(Path(folder, "medgemma-4b-it"))
        with serving(model, Path(folder, "serving")) as url:
            record.add(measure(SERVE, url, str(model), requests, rounds))


if __name__ == "__main__":
    main()
