"""How many synthetic radiographs a second `phantom-cxr` draws.

    python benchmarks/phantoms.py --count 2000 --size 128

Prints images/s with one process and with one process a core, and writes the same to
``benchmarks/results/phantoms.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from medx.datasets.phantoms.cxr import PhantomConfig, generate_phantoms


def images_per_second(config: PhantomConfig, workers: int) -> float:
    """Return the rate over a whole generation, process start included."""
    started = time.perf_counter()
    drawn = sum(1 for _ in generate_phantoms(config, workers=workers))
    return drawn / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    cores = os.cpu_count() or 1
    config = PhantomConfig(count=args.count, size=args.size, seed=args.seed)
    rates = {f"{n} processes": images_per_second(config, n) for n in sorted({1, cores})}
    for name, rate in rates.items():
        print(f"{args.count} images at {args.size} px, {name}: {rate:.0f} images/s")
    result = {"command": f"python benchmarks/phantoms.py --count {args.count} --size {args.size}"}
    result |= {"cores": cores, "seed": args.seed, "images_per_second": rates}
    path = Path(__file__).parent / "results" / "phantoms.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
