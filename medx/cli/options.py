"""Options that mean the same in every command."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from medx.core.device import Device
from medx.core.errors import InputError, UnknownNameError
from medx.core.settings import set_offline
from medx.core.yaml_files import read_yaml_mapping

Config = TypeVar("Config")


def _apply_offline(offline: bool) -> None:
    if offline:
        set_offline()


DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A dataset folder, phantom-cxr, phantom-smear or a MedMNIST flag (with _64, _128, "
        "_224).",
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help="phantom-cxr, phantom-smear, a MedMNIST flag (pneumoniamnist, pathmnist_64, …) or a "
        "dataset folder. [default: pneumoniamnist when its file is at hand, else phantom-cxr]",
        show_default=False,
    ),
]
RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        help="Folder or name of a train run. [default: the latest of the dataset]",
        show_default=False,
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder that holds .npz datasets (or set MEDX_DATA_DIR)."),
]
SplitOption = Annotated[str, typer.Option("--split", help="train, val, test or all.")]
LabelMapOption = Annotated[
    str | None,
    typer.Option(
        "--label-map",
        help="Rename, merge or drop classes: old=new,old= or a YAML, JSON or CSV file.",
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, help="Use only the first N records.")
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where to compute.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
BatchSizeOption = Annotated[int, typer.Option("--batch-size", min=1, help="Images at a time.")]
ResamplesOption = Annotated[
    int, typer.Option("--resamples", min=1, help="Bootstrap samples of the 95 % intervals.")
]
DecisionOption = Annotated[
    str | None,
    typer.Option(
        "--operating-point",
        help="Decide by this threshold, or rule (balanced_accuracy, f1, accuracy, "
        "sensitivity>=0.95, specificity>=0.9, cost=5) chosen on val. [default: the run's own]",
        show_default=False,
    ),
]
LevelOption = Annotated[
    float, typer.Option("--level", help="Share of images whose conformal set holds the truth.")
]
LabelShiftOption = Annotated[
    str | None,
    typer.Option(
        "--label-shift",
        help="Also correct for another mix of classes, estimated from these images without their "
        "labels: em or bbse. Its figures stand apart.",
    ),
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="Name of the run folder. [default: a timestamp]")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", help="Folder to write to instead of the default.")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Continue an interrupted run of the same name.")
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", callback=_apply_offline, help="Never touch the network.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="YAML file with settings; options given win.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="One setting as name=value; may be repeated.")
]


def given_options(context: typer.Context) -> dict[str, Any]:
    """Return the options the user typed, by parameter name."""
    return {
        name: value.value if isinstance(value, Device) else value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
    }


def resolve_config(
    base: Config,
    *,
    given: Mapping[str, Any],
    config_file: Path | None = None,
    assignments: list[str] | None = None,
) -> Config:
    """Return ``base`` (a frozen dataclass) changed by a file, then ``--set``, then options.

    Raises:
        UnknownNameError: When a setting does not exist.
        InputError: When the file or a value cannot be read.
    """
    return apply_settings(base, read_settings(type(base), given, config_file, assignments))


def read_settings(
    config: type,
    given: Mapping[str, Any],
    config_file: Path | None = None,
    assignments: list[str] | None = None,
) -> dict[str, Any]:
    """Return the settings of ``config`` (a dataclass) that a file, ``--set`` and options name.

    Raises:
        UnknownNameError: When a setting does not exist.
        InputError: When the file or a value cannot be read.
    """
    import yaml

    changes: dict[str, Any] = {}
    if config_file:
        changes.update(read_yaml_mapping(config_file, f"settings from {config_file}"))
    for assignment in assignments or []:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"--set takes name=value, got {assignment!r}")
        try:
            changes[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"--set cannot read the value of {assignment!r}") from error
    known = {f.name: f for f in fields(config)}
    for name in changes:
        if name not in known:
            raise UnknownNameError("setting", name, known)
    changes = _typed(config, changes)
    changes.update({name: value for name, value in given.items() if name in known})
    return changes


def apply_settings(base: Config, changes: Mapping[str, Any]) -> Config:
    """Return ``base`` (a frozen dataclass) with other values; bad ones are ``InputError``."""
    try:
        return replace(base, **changes)  # type: ignore[type-var]
    except (TypeError, ValueError) as error:
        raise InputError(f"bad setting: {error}") from error


def _typed(config: type, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse values of another type than that of their field, where it is one plain type."""
    hints = get_type_hints(config)
    return {name: _as_type(name, value, hints[name]) for name, value in changes.items()}


def _as_type(name: str, value: Any, hint: Any) -> Any:
    kinds = set(get_args(hint)) or {hint}
    plain = kinds & {str, bool, int, float}
    if len(plain) != 1 or kinds - plain - {NoneType} or (value is None and NoneType in kinds):
        return value  # a config checks its own richer settings
    (kind,) = plain
    if type(value) is kind:
        return value
    if kind is float and type(value) in (int, str):
        with suppress(ValueError):
            return float(value)  # YAML reads 1e-3 as text
    advice = "put quotes around a text that reads as a number, yes or no"
    raise InputError(
        f"{name} must be of type {kind.__name__}, got {value!r}",
        hint=advice if kind is str else None,
    )
