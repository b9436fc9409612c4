"""How many images at a time fit into memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from medx.core.console import warn
from medx.core.images import Pixels
from retrieval.encoders.base import Embeddings, Encoder

#: More at a time make no encoder faster: a processor is busy with few, a GPU with some hundred.
LARGEST_ON_CPU, LARGEST_ON_GPU = 64, 256

#: Of the memory that is free, so much may be taken.
SHARE = 0.5

#: Images that are embedded once to see what one takes.
TRIED = 4

#: How libraries say that memory ran out: torch on CPU, MPS and CUDA, ONNX Runtime, OpenVINO.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc",
                  "failed to allocate memory")  # fmt: skip


class BatchSize:
    """A number of images that is found when the first are there, and halved when they are too many.

    Args:
        given: What the user asked for; None to find it.
        processes: How many share this machine's memory.
    """

    def __init__(self, given: int | None = None, *, processes: int = 1) -> None:
        if given is not None and given < 1:
            raise ValueError(f"batch_size must be >= 1, got {given}")
        self.reason = "asked for" if given else "nothing was embedded"
        self._size = given
        self._processes = processes

    @property
    def value(self) -> int | None:
        """The number, None before any image was there."""
        return self._size

    def fit(self, encoder: Encoder, image: Pixels) -> int:
        """Return how many images like this one are embedded at a time."""
        if self._size is None:
            self._size, self.reason = _choose(encoder, image, self._processes)
        return self._size

    def embed(self, encoder: Encoder, images: Sequence[Pixels]) -> Embeddings:
        """Return the embeddings ``(N, dim)`` of some images.

        Raises:
            MemoryError: When not even one fits.
        """
        while True:
            size = self.fit(encoder, images[0])
            try:
                return encoder.embed_images(images, batch_size=size)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise MemoryError("not even one image fits") from error
            # Outside of the handler, whose traceback holds on to what filled the memory.
            _free_gpu()
            self._size = size // 2
            self.reason = f"{size} at a time did not fit into memory"
            warn(f"{self.reason}: going on with {self._size}")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out, by whatever library it is said."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in _OUT_OF_MEMORY
    )


def available_memory() -> int:
    """Return how many bytes of RAM this process may still take, its container's limit included."""
    available: int = psutil.virtual_memory().available
    with suppress(OSError, ValueError):  # no control group, or one without a limit
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        available = min(available, max(0, limit - used))
    return available


def _choose(encoder: Encoder, image: Pixels, processes: int) -> tuple[int, str]:
    tried = [image] * TRIED
    cuda = _cuda_in_use()
    try:
        used = (_cuda_peak if cuda else _peak)(
            lambda: encoder.embed_images(tried, batch_size=TRIED)
        )
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        _free_gpu()
        return 1, f"auto: {TRIED} images at a time did not fit into memory"
    largest = LARGEST_ON_GPU if cuda else LARGEST_ON_CPU
    free = int(cuda.mem_get_info()[0]) if cuda else available_memory() // processes
    each = max(1, used // TRIED)
    size = max(1, min(largest, int(free * SHARE) // each))
    size = 1 << (size.bit_length() - 1)
    return size, (
        f"auto: an image takes some {each / 2**20:.1f} MiB of the {free / 2**30:.1f} GiB free "
        f"{'on the GPU' if cuda else 'in RAM'}"
    )


def _cuda_in_use() -> Any:
    """Return ``torch.cuda`` when something of this process is on a GPU, else None."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.memory_allocated():
        return None
    return torch.cuda


def _cuda_peak(work: Callable[[], object]) -> int:
    """Return the bytes of GPU memory that ``work`` takes at most."""
    cuda = sys.modules["torch"].cuda
    cuda.reset_peak_memory_stats()
    before = cuda.memory_allocated()
    work()
    return int(cuda.max_memory_allocated()) - int(before)


def _peak(work: Callable[[], object]) -> int:
    """Return the bytes of RAM that ``work`` takes at most, as far as the system tells."""
    with suppress(OSError):  # only Linux can forget an earlier peak
        Path("/proc/self/clear_refs").write_text("5")
    before = _highest()
    work()
    return _highest() - before


def _highest() -> int:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) << 10
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest << 10


def _free_gpu() -> None:
    if cuda := _cuda_in_use():
        cuda.empty_cache()
