"""What a file may ask for before it is refused, so that a hostile one cannot take the machine."""

from __future__ import annotations

from pathlib import Path

from medx.core.errors import InputError

#: Files beyond these are refused before they are decoded (decompression bombs).
MAX_BYTES = 1 << 30
MAX_PIXELS = 100_000_000
MAX_FRAMES = 100_000

#: Bytes that decoding one frame, and inflating one file, may take.
MAX_DECODED = 1 << 29
MAX_INFLATED = 1 << 28

# Bytes a pixel takes while 64-bit floats are stretched.
_FLOAT_WORK = 24


def check_pixels(path: Path, height: int, width: int) -> None:
    """Raise ``InputError`` when an image is empty or has more pixels than can be read safely."""
    if height < 1 or width < 1:
        raise InputError(f"{path} holds an empty image", hint="export it again")
    if height * width > MAX_PIXELS:
        raise InputError(
            f"{path} has {height}×{width} pixels, more than medx reads safely",
            hint=f"the limit is {MAX_PIXELS // 10**6} megapixels; make it smaller or cut tiles",
        )


def check_decoded(path: Path, count: int) -> None:
    """Raise ``InputError`` when decoding would take more than ``MAX_DECODED`` bytes."""
    if count > MAX_DECODED:
        raise InputError(
            f"{path} unpacks to {count >> 20} MiB, more than medx reads safely",
            hint=f"the limit is {MAX_DECODED >> 20} MiB; export it smaller",
        )


def check_floats(path: Path, count: int) -> None:
    """Raise ``InputError`` when there are too many pixels to work on them as floats."""
    check_decoded(path, count * _FLOAT_WORK)


def check_frame(path: Path, frame: int, count: int) -> None:
    """Raise ``InputError`` when a file has no such frame, or too many of them."""
    if count > MAX_FRAMES:
        raise InputError(
            f"{path} claims more than {MAX_FRAMES} frames", hint="export its frames one by one"
        )
    if not 0 <= frame < count:
        holds = "one frame" if count == 1 else f"{count} frames"
        raise InputError(
            f"{path} has no frame {frame}: it holds {holds}", hint="frames count from 0"
        )


def unreadable(path: Path, reason: str) -> InputError:
    """Return the one error of a file that is no readable image."""
    line = " ".join(reason.split())[:120] or "it is damaged"
    return InputError(
        f"cannot read {path} as an image: {line}",
        hint="the file may be truncated or of another type; open it in a viewer to check",
    )
