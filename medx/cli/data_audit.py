"""``medx data audit``: leaks, duplicates, contradictions and shortcuts in a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.data_names import output_name
from medx.cli.options import (
    DataDirOption,
    DatasetArgument,
    JsonOption,
    LimitOption,
    OfflineOption,
    OutputOption,
)
from medx.core.words import many

if TYPE_CHECKING:
    from pathlib import Path

    from medx.datasets.audit.result import Audit

StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit 1 when there is an error: a leak, a contradiction.")
]
NearDuplicatesOption = Annotated[
    bool,
    typer.Option(
        "--near-duplicates/--no-near-duplicates",
        help="Look for the same picture with different pixels.",
    ),
]


def audit(
    dataset: DatasetArgument,
    strict: StrictOption = False,
    near_duplicates: NearDuplicatesOption = True,
    limit: LimitOption = None,
    output: OutputOption = None,
    data_dir: DataDirOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Find leaks, duplicates, contradicting labels and shortcuts.

    Bad boxes and unreadable files as well.
    """
    from medx.core.console import print_json, told_on_interrupt
    from medx.core.errors import InputError
    from medx.core.settings import output_dir
    from medx.datasets.audit.advice import name_dataset
    from medx.datasets.audit.audit import audit_dataset
    from medx.datasets.audit.page import save_audit
    from medx.datasets.catalog import load_dataset

    loaded = load_dataset(dataset, data_dir=data_dir).split("all", limit=limit)
    folder = output or output_dir() / "data" / "audit" / output_name(dataset)
    with told_on_interrupt("interrupted: an audit is written when it is complete"):
        found = audit_dataset(loaded, near_duplicates=near_duplicates)
        result = name_dataset(found, dataset)
        page = save_audit(result, loaded, folder)
    if json:
        print_json(result)
    else:
        _print(result, page)
    if strict and (errors := result.number("error")):
        many = f"{errors} finding{'s' if errors > 1 else ''} of severity error"
        raise InputError(f"{loaded.name} has {many}", hint=f"see {page}")


def _print(result: Audit, page: Path) -> None:
    from medx.core.console import print_line, print_table

    made_up = " (synthetic)" if result.synthetic else ""
    splits = ", ".join(f"{count} {name}" for name, count in result.splits.items())
    images = many(result.records, "image")
    print_line(f"{result.dataset}{made_up}: {result.readable} of {images} ({splits})")
    if result.findings:
        print_table(
            ((f.severity, f.sentence, f.advice) for f in result.findings),
            columns=("severity", "found", "next"),
        )
    else:
        print_line("nothing found")
    for line in result.not_checked:
        print_line(f"not checked: {line}")
    print_line(f"page: {page}")
    print_line(result.disclaimer)
