"""What figures of speed depend on: the machine, and who else was using it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


def describe_machine() -> dict[str, Any]:
    """Return what a reader needs to judge figures by; call it before they are taken.

    ``load_average_before`` is that of the minute before; ``omp_threads`` what the user granted.
    """
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.is_file() else []
    values = dict((part.strip() for part in line.split(":", 1)) for line in lines if ":" in line)
    flags = values.get("flags", "").split()
    return {
        "processor": values.get("model name", platform.processor()),
        "flags": [flag for flag in FLAGS if flag in flags],
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "omp_threads": os.environ.get("OMP_NUM_THREADS"),
        "load_average_before": round(os.getloadavg()[0], 2),
    }
