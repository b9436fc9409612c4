"""``medx demo``: the whole chain in one go."""

from __future__ import annotations

from medx.cli.options import (
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    OfflineOption,
    OutputOption,
    SeedOption,
)
from medx.core.device import Device


def demo(
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = None,
    device: DeviceOption = Device.auto,
    seed: SeedOption = 0,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Train, evaluate, search and report on one dataset.

    A page shows it all.
    """
    from medx.core.console import print_json, print_line, print_table
    from medx.core.settings import output_dir
    from medx.demo import DemoConfig, run_demo

    result = run_demo(
        DemoConfig(
            dataset=dataset,
            data_dir=data_dir,
            output_dir=output or output_dir() / "demo",
            device=device.value,
            seed=seed,
        )
    )
    if json:
        print_json(result)
        return
    made_up = ", synthetic" if result.synthetic else ""
    title = f"{result.dataset}{made_up}: test split, 95 % bootstrap intervals, seed {seed}"
    print_table(result.summary_rows(), columns=("what", "value", "chance"), title=title)
    resumed = ", going on from an earlier start" if result.resumed else ""
    print_line(f"page: {result.page}  ({result.seconds:.0f} s{resumed})")
    print_line(result.disclaimer)
