"""Run folders: one execution, one folder that describes itself.

``outputs/<subsystem>/<command>/<timestamp or name>/`` holds ``config.yaml``,
``environment.json``, ``metrics.json``, ``log.txt`` and whatever the command adds.
"""

from __future__ import annotations

import itertools
import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from medx.core import console, settings
from medx.core.errors import CheckpointError, InputError
from medx.core.files import make_dir, write_json, write_text

PACKAGES = (
    "medx", "numpy", "torch", "torchvision", "timm", "accelerate", "open_clip_torch",
    "transformers", "faiss-cpu", "scikit-learn",
)  # fmt: skip

#: What a run folder holds before there is any result.
BEGINNINGS = ("config.yaml", "environment.json", "log.txt")


def create_run_dir(
    subsystem: str,
    command: str,
    *,
    name: str | None = None,
    output: Path | None = None,
    resume: bool = False,
) -> Path:
    """Make and return the folder of a new run.

    Args:
        subsystem: ``classify``, ``retrieve`` or ``report``.
        command: ``train``, ``evaluate``, …
        name: Folder name; a timestamp when None.
        output: The exact folder to use instead of ``outputs/<subsystem>/<command>/<name>``.
        resume: Accept a folder that already holds a run.

    Raises:
        InputError: When the folder already holds a run and ``resume`` is False.
    """
    folder = settings.output_dir() / subsystem / command
    if not (name or output):
        return _claim_stamped(folder)
    run_dir = output or folder / str(name)
    if (run_dir / "config.yaml").exists() and not resume:
        raise InputError(
            f"{run_dir} already holds a run", hint="pass --resume, or choose another name"
        )
    make_dir(run_dir)
    return run_dir


@contextmanager
def new_run_dir(
    subsystem: str, command: str, *, name: str | None = None, output: Path | None = None
) -> Iterator[Path]:
    """Make and yield the folder of a new run; take it away when the block fails without a result.

    Args:
        subsystem: As ``create_run_dir`` takes it, like the rest.
        command: ``evaluate``, …
        name: Folder name; a timestamp when None.
        output: The exact folder to use.

    Raises:
        InputError: When the folder already holds a run.
    """
    run_dir = create_run_dir(subsystem, command, name=name, output=output)
    with withdrawn(run_dir):
        yield run_dir


@contextmanager
def withdrawn(run_dir: Path, *, on: type[BaseException] = BaseException) -> Iterator[None]:
    """Take an empty folder away again when the block fails before it holds a result.

    Args:
        run_dir: Stays when it held something before.
        on: Which errors count as failing.
    """
    own = not any(run_dir.iterdir())
    try:
        yield
    except on:
        left = list(run_dir.iterdir())
        if own and {path.name for path in left} <= set(BEGINNINGS):
            for path in left:
                path.unlink()
            run_dir.rmdir()
        raise


def latest_run(subsystem: str, command: str, **wanted: Any) -> Path | None:
    """Return the newest finished run whose config has all ``wanted`` values, or None."""
    folder = settings.output_dir() / subsystem / command
    runs = sorted(folder.glob("*/metrics.json"), key=lambda p: p.stat().st_mtime, reverse=True)
    for metrics in runs:
        try:
            config = load_config(metrics.parent)
        except CheckpointError as error:
            console.warn(f"skipped a broken run: {error}")
            continue
        if all(config.get(key) == value for key, value in wanted.items()):
            return metrics.parent
    return None


def save_config(run_dir: Path, config: Mapping[str, Any]) -> None:
    """Write ``config.yaml`` and ``environment.json``."""
    import yaml

    write_text(run_dir / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
    write_json(run_dir / "environment.json", describe_environment())


def load_config(run_dir: Path) -> dict[str, Any]:
    """Read ``config.yaml`` back.

    Raises:
        CheckpointError: When the folder holds no run or a damaged one.
    """
    import yaml

    path = run_dir / "config.yaml"
    if not path.is_file():
        why = "no config.yaml in it" if run_dir.exists() else "there is no such folder"
        raise CheckpointError(
            f"{run_dir} is not a run folder: {why}",
            hint=f"name a run below {settings.output_dir()}, or its folder",
        )
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} is damaged: not a mapping")
    return config


def load_json(path: Path) -> Any:
    """Read a JSON file of a run.

    Raises:
        CheckpointError: When it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: the run did not finish?") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


@contextmanager
def logging_to(run_dir: Path) -> Iterator[None]:
    """Append every note and warning of the block to ``log.txt``."""
    with (run_dir / "log.txt").open("a", encoding="utf-8") as log:

        def write(message: str) -> None:
            log.write(f"{now()} {message}\n")
            log.flush()

        with console.listening(write):
            yield


def describe_environment() -> dict[str, Any]:
    """Return versions, platform and git state; nothing that names a user or a path."""
    return {
        "created": now(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "command": " ".join(["medx", *_sub_commands()]),
        "packages": package_versions(PACKAGES),
        "git": _git_state(),
    }


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def now() -> str:
    """Return the current time in UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _claim_stamped(folder: Path) -> Path:
    """Make a folder named after the time; runs that start in the same second get their own."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    make_dir(folder)
    names = itertools.chain([stamp], (f"{stamp}-{number}" for number in itertools.count(2)))
    while True:
        run_dir = folder / next(names)
        try:
            run_dir.mkdir()
        except FileExistsError:
            continue
        return run_dir


def _sub_commands() -> list[str]:
    # config.yaml holds the settings; an argument here could be a path, which names a person.
    words = sys.argv[1:2] if sys.argv[1:2] == ["case"] else sys.argv[1:3]
    return [arg for arg in words if re.fullmatch(r"[a-z]+(-[a-z]+)*", arg)]


def _git_state() -> str | None:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
