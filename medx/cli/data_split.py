"""``medx data split``: train, val and test without leaks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import DataDirOption, DatasetArgument, JsonOption, OfflineOption, SeedOption
from medx.core.words import many
from medx.datasets.split.config import SplitConfig, parse_fractions, parse_holdout

if TYPE_CHECKING:
    from medx.datasets.split.result import SplitResult

FRACTIONS = ",".join(f"{share:g}" for share in SplitConfig.fractions)

FractionsOption = Annotated[
    str,
    typer.Option(
        "--fractions", help="Shares of train, val and test; a holdout uses the first two."
    ),
]
HoldoutOption = Annotated[
    str | None,
    typer.Option("--holdout", help="Test on these alone: source=B,C (or any other column)."),
]
FoldsOption = Annotated[
    int | None,
    typer.Option("--folds", help="Write FOLDER/fold-0, … instead; each fold is test once."),
]
OfficialOption = Annotated[
    bool, typer.Option("--keep-official", help="Keep the splits that are there.")
]
DropLeaksOption = Annotated[
    bool, typer.Option("--drop-leaks", help="Drop what leaks: from train, then from val.")
]
DropDuplicatesOption = Annotated[
    bool, typer.Option("--drop-duplicates", help="Drop all but the first of equal pictures.")
]
AllowLeaksOption = Annotated[bool, typer.Option("--allow-leaks", help="Write a split that leaks.")]
StratifyOption = Annotated[
    bool, typer.Option("--stratify/--no-stratify", help="Balance labels as well as sizes.")
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--output", help="Folder for the manifest. [default: the dataset's own folder]"),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Replace splits that are there; the manifest is kept.")
]


def split(
    dataset: DatasetArgument,
    fractions: FractionsOption = FRACTIONS,
    seed: SeedOption = SplitConfig.seed,
    holdout: HoldoutOption = None,
    folds: FoldsOption = None,
    keep_official: OfficialOption = False,
    drop_leaks: DropLeaksOption = False,
    drop_duplicates: DropDuplicatesOption = False,
    allow_leaks: AllowLeaksOption = False,
    stratify: StratifyOption = SplitConfig.stratify,
    output: FolderOption = None,
    force: ForceOption = False,
    data_dir: DataDirOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Split into train, val and test.

    Patients and equal pictures always stay together.
    """
    from medx.core.console import print_json, told_on_interrupt, warn
    from medx.datasets.catalog import load_dataset
    from medx.datasets.split.saving import choose_folder, save_splitting
    from medx.datasets.split.splitting import split_dataset

    config = SplitConfig(
        fractions=parse_fractions(fractions),
        seed=seed,
        stratify=stratify,
        holdout=parse_holdout(holdout) if holdout else None,
        folds=folds,
        keep_official=keep_official,
        drop_leaks=drop_leaks,
        drop_duplicates=drop_duplicates,
        allow_leaks=allow_leaks,
    )
    loaded = load_dataset(dataset, data_dir=data_dir)
    folder = choose_folder(loaded, dataset, output=output, folds=bool(folds), force=force)
    with told_on_interrupt("interrupted: no manifest was changed"):
        splitting = split_dataset(loaded, config)
    for sentence in splitting.result.warnings:
        warn(sentence)
    result = save_splitting(splitting, loaded, folder)
    if json:
        print_json(result)
    else:
        _print(result)


def _print(result: SplitResult) -> None:
    from medx.core.console import print_line, print_table

    names = [part.name for part in result.parts]
    print_line(_title(result))
    print_table(_rows(result), columns=("", *names))
    kept = result.kept_together
    print_line(
        f"kept together: {many(kept.groups, 'group')}, {many(kept.repeats, 'repeated picture')} "
        f"({many(kept.units, 'unit')} that stay whole, the largest of "
        f"{many(kept.largest, 'record')})"
    )
    print_line(f"leaks: {result.leaks}, dropped: {result.dropped}, unreadable: "
               f"{len(result.unreadable)}, without a split: {result.without_split}")  # fmt: skip
    print_line(f"written to {result.folder}")


def _title(result: SplitResult) -> str:
    what = result.holdout or (f"{result.folds} folds" if result.folds else result.method)
    seed = "" if result.seed is None else f", seed {result.seed}"
    return f"{result.dataset}{' (synthetic)' if result.synthetic else ''}: {what}{seed}"


def _rows(result: SplitResult) -> list[tuple[str, ...]]:
    parts = result.parts
    rows = [
        ("records", *(f"{p.records} ({p.share:.1%})" for p in parts)),
        ("units", *(str(p.units) for p in parts)),
    ]
    for kind in ("labels", "sources"):
        tallies: list[dict[str, int]] = [getattr(part, kind) for part in parts]
        for name in sorted({name for tally in tallies for name in tally}):
            cells = (
                f"{tally.get(name, 0)} ({tally.get(name, 0) / max(part.records, 1):.1%})"
                for tally, part in zip(tallies, parts, strict=True)
            )
            rows.append((f"{kind.removesuffix('s')} {name}", *cells))
    return rows
