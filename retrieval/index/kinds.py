"""The kinds of index, and which of them suits how many images."""

from __future__ import annotations

import math
import os
from typing import Literal, TypeAlias, get_args

from medx.core.errors import InputError, UnknownNameError

Kind: TypeAlias = Literal["flat", "hnsw", "ivf-sq8", "ivf-pq"]
KINDS: tuple[Kind, ...] = get_args(Kind)
AUTO = "auto"

#: Values up to which one exact query takes some 15 ms of one core: 100 000 images of dim 512.
FLAT_MOST = 100_000 * 512
#: Images up to which a graph is built in minutes.
HNSW_MOST = 1_000_000
#: Fewer give neither lists nor codes to learn from.
LEAST = 100
HNSW_LINKS = 32
GIGABYTE = 10**9


def choose_kind(count: int, dim: int, *, memory_bytes: int | None = None) -> tuple[Kind, str]:
    """Return the kind ``auto`` stands for, and why.

    Args:
        count: Images.
        dim: Length of each embedding.
        memory_bytes: What may stay in memory beside the vectors on disk; None is half of the
            machine's memory.
    """
    if count * dim <= FLAT_MOST:
        return "flat", f"exact search of {count} images is fast"
    budget = memory_bytes or machine_memory() // 2
    allowed = f"of {budget / GIGABYTE:.1f} GB allowed"
    if count <= HNSW_MOST and (needed := memory_needed("hnsw", count, dim)) <= budget:
        return "hnsw", f"{count} images, {needed / GIGABYTE:.1f} GB {allowed}"
    if (needed := memory_needed("ivf-sq8", count, dim)) <= budget:
        return "ivf-sq8", f"{count} images, {needed / GIGABYTE:.1f} GB {allowed}"
    needed = memory_needed("ivf-pq", count, dim)
    return "ivf-pq", f"{count} images, {needed / GIGABYTE:.1f} GB {allowed}"


def resolve_kind(
    kind: str, count: int, dim: int, *, memory_bytes: int | None = None
) -> tuple[Kind, str]:
    """Return the kind that was asked for, ``auto`` resolved, and why.

    Raises:
        UnknownNameError: When there is no such kind.
        InputError: When there are too few images for it.
    """
    if kind == AUTO:
        return choose_kind(count, dim, memory_bytes=memory_bytes)
    if kind not in KINDS:
        raise UnknownNameError("kind of index", kind, [AUTO, *KINDS])
    if kind != "flat" and count < LEAST:
        raise InputError(
            f"kind {kind} needs at least {LEAST} images, got {count}", hint="use --kind flat"
        )
    return kind, "asked for by name"


def memory_needed(kind: Kind, count: int, dim: int) -> int:
    """Return about how many bytes a kind holds beside the flat vectors."""
    lists = list_count(count) * dim * 4
    return {
        "flat": 0,
        "hnsw": count * (dim + 2 * HNSW_LINKS * 4 + 24),
        "ivf-sq8": count * (dim + 8) + lists,
        "ivf-pq": count * (dim // 8 + 8) + lists,
    }[kind]


def list_count(count: int) -> int:
    """Return how many lists an inverted file over ``count`` vectors gets."""
    return max(1, min(round(4 * math.sqrt(count)), count // 40))


def machine_memory() -> int:
    """Return the bytes of memory of this machine; 8 GB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 * GIGABYTE


def memory_bytes(text: str) -> int:
    """Return the bytes of a size such as ``2GB`` or ``500MB``.

    Raises:
        InputError: When it is none.
    """
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    number, unit = text.strip()[:-2].strip(), text.strip()[-2:].upper()
    try:
        size = float(number) * units[unit]
    except (ValueError, KeyError):
        size = math.nan
    if not 1 <= size < math.inf:
        raise InputError(f"{text!r} is no size of memory", hint="write it like 2GB or 500MB")
    return int(size)
