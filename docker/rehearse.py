"""Run the steps of the Dockerfile without Docker, in a scratch folder, and try what they made.

The build stage's COPY and RUN lines are taken from the Dockerfile itself, so that what CI runs and
what Docker builds cannot drift apart. Then medx trains, predicts and serves from the result, as the
image would, and the image's own health check asks it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
START_SECONDS = 120


def read_dockerfile(path: Path = ROOT / "Dockerfile") -> list[list[tuple[str, str]]]:
    """Return the stages of a Dockerfile, each as instructions and what stands behind them."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            stages.append([])
        stages[-1].append((instruction, rest.strip()))
    return stages


def build(steps: list[tuple[str, str]], scratch: Path) -> Path:
    """Do the COPY and RUN steps of a stage in ``scratch/src``; return the environment made."""
    base, source, made = scratch / "base", scratch / "src", scratch / "medx"
    subprocess.run([sys.executable, "-m", "venv", base], check=True)
    source.mkdir()
    environment = {
        **os.environ,
        "VIRTUAL_ENV": str(made),
        "PATH": f"{base / 'bin'}:{os.environ['PATH']}",
    }
    for instruction, rest in steps:
        if instruction == "COPY":
            copy(shlex.split(rest), source)
        if instruction == "RUN":
            print(f"+ {rest}", flush=True)
            subprocess.run(["/bin/sh", "-ec", rest], cwd=source, env=environment, check=True)
    return made


def copy(words: list[str], source: Path) -> None:
    """Copy from the repository what a COPY line names."""
    *names, target = words
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            to = source / target / Path(name).name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to)


def try_out(steps: list[tuple[str, str]], made: Path, state: Path) -> None:
    """Train, predict and serve as the image does, with its command and health check."""
    found = dict(steps)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MEDX_")},
        "PATH": f"{made / 'bin'}:/usr/bin:/bin",
        "HOME": str(state),
        "OMP_NUM_THREADS": "1",
        **{f"MEDX_{name}_DIR": str(state / name.lower()) for name in ("CACHE", "INDEX", "OUTPUT")},
    }
    environment.pop("VIRTUAL_ENV", None)

    def medx(*words: str) -> str:
        print(f"+ medx {shlex.join(words)}", flush=True)
        return subprocess.run(
            ["medx", *words], cwd=state, env=environment, check=True, stdout=subprocess.PIPE,
            text=True,
        ).stdout  # fmt: skip

    medx("data", "synth", "phantom-cxr", "--output", "cxr", "--count", "80", "--size", "64")
    small = ("--epochs", "1", "--size", "32", "--name", "first", "--json")
    medx("classify", "train", "--dataset", "./cxr", *small)
    film = next((state / "cxr").rglob("*.png"))
    prediction = json.loads(medx("classify", "predict", str(film), "--run", "first", "--json"))
    print(f"predicted: {json.dumps(prediction)[:200]} …", flush=True)
    medx("retrieve", "build", "--dataset", "./cxr", "--encoder", "compact", "--json")

    command = [*json.loads(found["ENTRYPOINT"]), *json.loads(found["CMD"])]
    refused = subprocess.run(command, cwd=state, env=environment, capture_output=True, text=True)
    if refused.returncode != 1 or "token" not in refused.stderr:
        raise SystemExit(f"without a token it did not stop: {refused.stderr}")
    check = json.loads(found["HEALTHCHECK"].partition("CMD ")[2])
    serve(command, check, state, environment)


def serve(command: list[str], check: list[str], state: Path, environment: dict[str, str]) -> None:
    """Start the image's command on a free port and ask it as the image's health check does."""
    environment["MEDX_SERVE_TOKEN"] = os.urandom(16).hex()
    options = ["--dataset", "./cxr", "--run", "first", "--engine", "mock", "--port", "0"]
    print(f"+ {shlex.join([*command, *options])}", flush=True)
    with (state / "serve.log").open("w") as log:
        server = subprocess.Popen(
            [*command, *options], cwd=state, env=environment, stdout=log, stderr=log
        )
    try:
        port = wait(server, state / "serve.log")
        asked = [word.replace("8765", port) for word in check]
        subprocess.run(asked, env=environment, check=True)
        print(f"healthy: {shlex.join(asked)}")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
            files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.read().decode())
        for name in files:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{name}", timeout=30)
        print(f"the page and its {len(files)} files are in the package")
    finally:
        server.terminate()
        server.wait(30)


def wait(server: subprocess.Popen[bytes], log: Path) -> str:
    """Return the port once the models are loaded."""
    for _ in range(START_SECONDS * 2):
        found = re.search(r"http://[\d.]+:(\d+)", log.read_text())
        if server.poll() is not None:
            break
        if found:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/ready", timeout=5)
                return found[1]
            except OSError:
                pass
        time.sleep(0.5)
    raise SystemExit(f"it did not become ready:\n{log.read_text()}")


def megabytes(folder: Path) -> int:
    """Return what the files below a folder take."""
    return sum(p.lstat().st_size for p in folder.rglob("*")) >> 20


def main() -> None:
    """Rehearse the Dockerfile."""
    first, last = read_dockerfile()
    with tempfile.TemporaryDirectory(prefix="medx-image-") as name:
        scratch = Path(name)
        made = build(first, scratch)
        print(f"{made.name}: {megabytes(made)} MB", flush=True)
        try_out(last, made, scratch / "src" / "state")


if __name__ == "__main__":
    main()
