"""Checks that the settings of several commands share; light to import."""

from __future__ import annotations

from collections.abc import Sequence


def check_integer(config: object, name: str, *, low: int, optional: bool = False) -> None:
    """Raise ``ValueError`` unless a setting is an integer >= ``low``, or None where optional."""
    value = getattr(config, name)
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(f"{name} must be an integer >= {low}, got {value!r}")


def check_number(
    config: object,
    name: str,
    *,
    low: float | None = None,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Make a setting a float; raise ``ValueError`` unless it lies within the bounds."""
    value = getattr(config, name)
    try:
        number = float(value)  # YAML reads 1e-3 as text
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    bounds = [
        (low is None or number >= low, f">= {low:g}" if low is not None else ""),
        (above is None or number > above, f"> {above:g}" if above is not None else ""),
        (below is None or number < below, f"< {below:g}" if below is not None else ""),
        (most is None or number <= most, f"<= {most:g}" if most is not None else ""),
    ]
    if not all(holds for holds, _ in bounds) or number == float("inf"):
        legal = " and ".join(text for _, text in bounds if text)
        raise ValueError(f"{name} must be {legal}, got {value!r}")
    object.__setattr__(config, name, number)


def check_choice(config: object, name: str, known: Sequence[str]) -> None:
    """Raise ``ValueError`` unless a setting is one of ``known``."""
    value = getattr(config, name)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
