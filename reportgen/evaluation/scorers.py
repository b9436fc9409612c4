"""External measures (RadGraph F1, CheXbert, …): commands in environments of their own.

The command reads JSON lines ``{"id": …, "reference": …, "candidate": …}`` on standard input and
writes as many lines on standard output, in that order: a number each, or an object of numbers.
"""

from __future__ import annotations

import json
import math
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from medx.core.console import note
from medx.core.errors import InputError
from medx.core.words import many

#: Characters of what a failed command said that its error repeats.
_SAID = 300


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """An external measure.

    Args:
        timeout: Seconds that the command may take.
    """

    name: str
    command: tuple[str, ...]
    timeout: float


def parse_scorer(text: str, timeout: float) -> Scorer:
    """Read ``NAME=COMMAND``.

    Raises:
        InputError: When it is not of that form.
    """
    name, equals, command = text.partition("=")
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise InputError(f"--scorer cannot read the command {command!r}: {error}") from error
    if not (name.strip() and equals and words):
        raise InputError(f"--scorer takes NAME=COMMAND, got {text!r}")
    return Scorer(name=name.strip(), command=words, timeout=timeout)


def run_scorer(scorer: Scorer, pairs: Sequence[tuple[str, str]]) -> list[dict[str, float]]:
    """Return what the command says of each (reference, candidate), by name of the measure.

    Raises:
        InputError: When it cannot be started, fails, takes too long, or answers something else.
    """
    lines = [
        json.dumps({"id": str(i), "reference": reference, "candidate": candidate})
        for i, (reference, candidate) in enumerate(pairs)
    ]
    note(f"scorer {scorer.name}: {many(len(pairs), 'pair')} of reports")
    answer = _ask(scorer, "".join(f"{line}\n" for line in lines))
    found = [line for line in answer.splitlines() if line.strip()]
    if len(found) != len(pairs):
        raise _broken(scorer, f"gave {many(len(found), 'line')} for {many(len(pairs), 'pair')}")
    scores = [_read(scorer, line, number) for number, line in enumerate(found, start=1)]
    if any(score.keys() != scores[0].keys() for score in scores):
        raise _broken(scorer, "does not name the same measures in every line")
    return scores


def _ask(scorer: Scorer, text: str) -> str:
    try:
        done = subprocess.run(
            scorer.command, input=text.encode(), capture_output=True, timeout=scorer.timeout
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"scorer {scorer.name} was stopped after {scorer.timeout:g} s",
            hint="give it longer with --scorer-timeout",
        ) from error
    except OSError as error:
        raise InputError(
            f"scorer {scorer.name} cannot be started: {scorer.command[0]}: {error.strerror}",
            hint="name the program by its path, such as ENVIRONMENT/bin/python",
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-_SAID:]
        raise InputError(
            f"scorer {scorer.name} failed with exit code {done.returncode}"
            + (f": … {said}" if said else "")
        )
    return done.stdout.decode(errors="replace")


def _read(scorer: Scorer, line: str, number: int) -> dict[str, float]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise _broken(scorer, f"line {number} is not JSON: {line[:60]!r}") from error
    named = (
        {f"{scorer.name} {key}": part for key, part in value.items()}
        if isinstance(value, dict)
        else {scorer.name: value}
    )
    for part in named.values():
        if isinstance(part, bool) or not isinstance(part, int | float) or not math.isfinite(part):
            raise _broken(scorer, f"line {number} is no finite number: {line[:60]!r}")
    return {key: float(part) for key, part in named.items()}


def _broken(scorer: Scorer, why: str) -> InputError:
    return InputError(
        f"scorer {scorer.name}: {why}",
        hint="standard output must hold one JSON number or object of numbers a report, and "
        "nothing else",
    )
