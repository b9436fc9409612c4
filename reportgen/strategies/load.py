"""A strategy by its name or its file."""

from __future__ import annotations

from pathlib import Path

from medx.core.errors import InputError
from reportgen.strategies import STRATEGIES
from reportgen.strategies.base import Strategy
from reportgen.strategies.builtin import read_builtin
from reportgen.strategies.strategy_file import parse_strategy

#: A prompt is a page of text; what is larger is another file.
MAX_BYTES = 65_536


def load_strategy(name_or_path: str | Path) -> Strategy:
    """Return a built-in strategy by name, or read a user's file.

    Raises:
        UnknownNameError: When it is neither.
        InputError: When the file cannot be read or used, with the line.
    """
    name = str(name_or_path)
    if name in STRATEGIES:
        built_in: Strategy = STRATEGIES.load(name)
        return built_in
    path = Path(name_or_path)
    if not (path.suffix or len(path.parts) > 1 or path.exists()):
        STRATEGIES.entry(name)  # raises with near names
    strategy = parse_strategy(_read_file(path), path.name)
    if strategy.name in STRATEGIES:
        raise InputError(
            f"{path.name}: {strategy.name!r} is the name of a built-in strategy",
            hint="give yours another name",
        )
    return strategy


def read_strategy(name_or_path: str | Path) -> str:
    """Return the text of a strategy that ``load_strategy`` can load."""
    name = str(name_or_path)
    return read_builtin(name) if name in STRATEGIES else _read_file(Path(name_or_path))


def _read_file(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is too large for a strategy: more than {MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read the strategy {path}: {error}",
            hint=f"a strategy is a file or one of {', '.join(STRATEGIES)}",
        ) from error
