"""Whether ``medx serve`` stays upright: many valid and hostile requests, no 5xx, no hang, no leak.

    python benchmarks/serving_soak.py --dataset pneumoniamnist --run RUN_DIR     # 20 000 requests
    python benchmarks/serving_soak.py ... --requests 500                         # a quick try

Eight clients draw from about forty kinds of requests: right ones to every route, files that are
damaged, of another kind or bombs, odd JSON and forms, foreign hosts and origins, headers without
end, clients that hang up. Each kind says which statuses it may get. Resident memory is read twenty
times, when nothing is at work; its slope over the second half is the median of all pairs.

Wanted: no 5xx, no request that takes longer than a minute, less than 1 MiB more in 1000 requests
by the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from http_client import BOUNDARY, read_answer, upload, wait_until_ready
from machine import describe_machine
from scipy.stats import theilslopes
from serving import free_port, png

from classify.runs import find_train_run
from medx.core.console import note, track
from medx.core.files import write_json

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import uploads  # the hostile files of the tests

RESULTS = Path(__file__).parent / "results" / "serving_soak.json"
CLIENTS, ROUNDS, SECONDS, MOST_GROWTH = 8, 20, 60.0, 1.0


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    Args:
        wire: What is sent.
        statuses: What may be answered; 0 stands for a connection that is closed.
        weight: How often it is drawn.
        hangs_up: The client closes before it is answered.
    """

    wire: bytes
    statuses: frozenset[int]
    weight: int = 1
    hangs_up: bool = False


@dataclass
class Tally:
    """What was answered."""

    statuses: Counter[str]
    wrong: list[str]
    slowest: float = 0.0


def main() -> None:
    """Run the requests, print what happened and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="pneumoniamnist")
    parser.add_argument("--run", help="Train run. [default: the latest of the dataset]")
    parser.add_argument("--index", help="[default: the dataset's]")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    run, port = find_train_run(options.dataset, options.run), free_port()
    command = [sys.executable, "-c", "from medx.cli import main; main()", "serve"]
    command += ["--dataset", options.dataset, "--run", str(run), "--engine", "mock", "--offline"]
    command += ["--port", str(port)] + (["--index", options.index] if options.index else [])
    machine = describe_machine()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        try:
            wait_until_ready(port, process)
            report = asyncio.run(soak(process, port, options.requests, random.Random(options.seed)))
        finally:
            process.terminate()
            process.wait()
        log.seek(0)
        report["errors"] = [line.strip() for line in log if " ERROR " in line][:20]
    write_json(options.output, {"machine": machine, **report})
    note(json.dumps({k: v for k, v in report.items() if k != "memory_mib"}, indent=2))
    note(f"written to {options.output}")


async def soak(
    process: subprocess.Popen[bytes], port: int, count: int, rng: random.Random
) -> dict[str, Any]:
    """Send ``count`` requests and return what came back, and the memory on the way."""
    kinds, tally = make_kinds(), Tally(Counter(), [])
    names = rng.choices(list(kinds), [kind.weight for kind in kinds.values()], k=count)
    watched, memory = psutil.Process(process.pid), []
    started = time.perf_counter()
    for start in track(range(0, count, -(-count // ROUNDS)), "rounds"):
        todo = iter(names[start : start + -(-count // ROUNDS)])
        await asyncio.gather(*(client(port, todo, kinds, tally) for _ in range(CLIENTS)))
        await asyncio.sleep(1)  # those who hung up are still being answered
        memory.append((start, round(watched.memory_info().rss / (1 << 20), 1)))
    alive = process.poll() is None
    half = np.array(memory[len(memory) // 2 :])
    growth = 1000 * theilslopes(half[:, 1], half[:, 0])[0] if len(half) > 2 else None
    failures = sum(n for status, n in tally.statuses.items() if status.startswith("5"))
    hangs = tally.statuses["hang"]
    flat = bool(growth is not None and growth <= MOST_GROWTH)
    return {
        "requests": count, "clients": CLIENTS, "seconds": round(time.perf_counter() - started, 1),
        "statuses": dict(sorted(tally.statuses.items())), "5xx": failures, "hangs": hangs,
        "wrong": tally.wrong[:50], "slowest_s": round(tally.slowest, 2), "alive": alive,
        "rss_before_mib": memory[0][1], "rss_after_mib": memory[-1][1],
        "growth_mib_per_1000": None if growth is None else round(float(growth), 3),
        "fulfilled": alive and not failures and not hangs and not tally.wrong and flat,
        "memory_mib": memory,
    }  # fmt: skip


async def client(port: int, todo: Iterator[str], kinds: dict[str, Kind], tally: Tally) -> None:
    """Send one request after another."""
    for name in todo:
        await send(port, name, kinds[name], tally)


async def send(port: int, name: str, kind: Kind, tally: Tally) -> None:
    """Send one request and note what is answered."""
    started = time.perf_counter()
    try:
        status = await asyncio.wait_for(exchange(port, kind), SECONDS)
    except asyncio.TimeoutError:
        tally.statuses["hang"] += 1
        tally.wrong.append(f"{name}: no answer")
        return
    tally.slowest = max(tally.slowest, time.perf_counter() - started)
    tally.statuses[str(status)] += 1
    if status not in kind.statuses:
        tally.wrong.append(f"{name}: {status}")


async def exchange(port: int, kind: Kind) -> int:
    """Return the status of an answer; 0 when the connection was closed instead."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(kind.wire)
        await writer.drain()
        if kind.hangs_up:
            return 0
        return (await read_answer(reader))[0]
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0
    finally:
        writer.close()


def make_kinds() -> dict[str, Kind]:
    """Return every kind of request by name."""
    kinds = {name: Kind(*made) for name, made in (good_ones() | odd_ones()).items()}
    for name, content in bad_files().items():
        kinds[f"file: {name}"] = Kind(upload("/predict", content).wire(), frozenset({422}))
    wire = upload("/predict", uploads.dicom(uploads.square(256))).wire()
    kinds["hangs up amid a body"] = Kind(wire[: len(wire) // 2], frozenset({0}), 1, True)
    kinds["hangs up before the answer"] = Kind(wire, frozenset({0}), 1, True)
    return kinds


def good_ones() -> dict[str, tuple[bytes, frozenset[int], int]]:
    """Return right requests to every route; 429 is an answer, too."""
    right = frozenset({200, 429})
    small, large = png(uploads.square()), uploads.dicom(np.zeros((1024, 1024), np.uint16))
    words = json.dumps({"text": "pneumonia", "where": "label is not null"}).encode()
    return {
        "predict": (upload("/predict", small).wire(), right, 12),
        "predict DICOM": (upload("/predict", large).wire(), right, 4),
        "explain": (upload("/explain", small).wire(), right, 2),
        "case": (upload("/case", small).wire(), right, 1),
        "report": (upload("/report", small, strategy="concise").wire(), right, 1),
        "search image": (upload("/search/image", small, top_k="5").wire(), right, 4),
        "search text": (post("/search/text", words), right, 8),
        "health": (get("/health"), frozenset({200}), 4),
        "metadata": (get("/metadata"), right, 1),
        "metrics": (get("/metrics"), frozenset({200}), 1),
        "page": (get("/"), frozenset({200}), 1),
        "document": (get("/openapi.json"), frozenset({200}), 1),
    }


def odd_ones() -> dict[str, tuple[bytes, frozenset[int]]]:
    """Return requests that are none, or ask for what there is not."""
    refused, wrong = frozenset({400, 0}), frozenset({400, 422})
    fields = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
        for _ in range(10_000)
    ).encode()
    form = f"multipart/form-data; boundary={BOUNDARY}"
    return {
        "foreign host": (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", frozenset({421})),
        "foreign origin": (get("/metadata", "Origin: https://evil.example"), frozenset({403})),
        "no route": (get("/made/up"), frozenset({404})),
        "no item": (get("/items/..%2f..%2fetc%2fpasswd/image"), frozenset({404})),
        "NUL in an id": (get("/items/a%00b/image"), frozenset({404})),
        "odd method": (b"BREW / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", frozenset({405})),
        "no HTTP": (bytes(200) + b"\r\n\r\n", refused),
        "100 000 headers": (get("/health", *["X-A: b"] * 100_000), refused),
        "long address": (get("/" + "a" * 100_000), refused | {404}),
        "bad chunk": (
            b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: " + form.encode() + b"\r\n\r\nzz\r\n",
            refused,
        ),
        "10 000 fields": (post("/predict", fields + f"--{BOUNDARY}--".encode(), form), wrong),
        "other boundary": (post("/predict", fields[:5000], form + "x"), wrong),
        "too large": (
            b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n",
            frozenset({413}),
        ),
        "deep JSON": (post("/search/text", b"[" * 50_000), wrong),
        "NaN": (post("/search/text", b'{"text": "x", "top_k": NaN}'), wrong),
        "no UTF-8": (post("/search/text", b'{"text": "\xff\xfe"}'), wrong),
        "half a pair": (post("/search/text", b'{"text": "\\ud800"}'), wrong),
        "odd condition": (post("/search/text", b'{"text": "x", "where": "((("}'), wrong),
    }


def bad_files() -> dict[str, bytes]:
    """Return files that are no image, or too large a one."""
    good, dicom = png(uploads.square()), uploads.dicom(uploads.square(64))
    return {
        "empty": b"",
        "text": b"this is no image",
        "noise": np.random.default_rng(0).bytes(5000),
        "cut PNG": good[:200],
        "cut DICOM": dicom[:-500],
        "PNG bomb": uploads.png_bomb(),
        "ZIP bomb": uploads.zip_bomb(),
        "NPZ of pickles": uploads.npz(image=np.array([{}], dtype=object)),
        "NPY of 2^40 pixels": uploads.npy_header((1 << 20, 1 << 20)),
        "DICOM of 4 gigapixels": uploads.dicom(uploads.square(64), Rows=65535, Columns=65535),
        "deflated DICOM bomb": uploads.dicom(np.zeros((17_000, 17_000), np.uint8), deflated=True),
    }


def get(path: str, *headers: str) -> bytes:
    """Return a GET as it is sent."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def post(path: str, body: bytes, kind: str = "application/json") -> bytes:
    """Return a POST as it is sent."""
    lines = [
        f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


if __name__ == "__main__":
    main()
