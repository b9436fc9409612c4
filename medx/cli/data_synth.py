"""``medx data synth``: synthetic datasets of any size with a known truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medx.cli.options import JsonOption, SeedOption, given_options, resolve_config
from medx.datasets.phantoms.config import DefectConfig, PhantomConfig
from medx.datasets.phantoms.smear_config import SmearConfig

if TYPE_CHECKING:
    from medx.datasets.synth import SynthResult

app = typer.Typer(
    help="Draw synthetic datasets with a known truth and known defects.",
    no_args_is_help=True,
)

INTERRUPTED = "interrupted: a dataset is written when it is complete"

FolderOption = Annotated[Path, typer.Option("--output", help="New folder to write.")]
CountOption = Annotated[int, typer.Option("--count", min=1, help="Images to draw.")]


@app.command("phantom-cxr")
def phantom_cxr(
    context: typer.Context,
    output: FolderOption,
    count: CountOption = PhantomConfig.count,
    size: Annotated[int, typer.Option(help="Height and width in pixels, 16-4096.")] = 256,
    seed: SeedOption = 0,
    prevalence: Annotated[
        str | None,
        typer.Option(
            help="Shares of images by finding, as consolidation=0.2,nodule=0.1; the rest is "
            "normal. [default: 0.1 of each of the six]",
            show_default=False,
        ),
    ] = None,
    co_occurrence: Annotated[
        float, typer.Option(help="Share of images with a finding that show a second one.")
    ] = PhantomConfig.co_occurrence,
    centre_strength: Annotated[
        float, typer.Option(help="How far the four centres' looks differ, 0-1.")
    ] = PhantomConfig.centre_strength,
    centre_label_bias: Annotated[
        float,
        typer.Option(help="How far the label decides the centre, 0-1; at 1 a label is a centre."),
    ] = PhantomConfig.centre_label_bias,
    markers: Annotated[
        float, typer.Option(help="Share of images with a letter or word burnt in.")
    ] = DefectConfig.markers,
    duplicates: Annotated[
        float, typer.Option(help="Share of images stored a second time, pixels equal.")
    ] = DefectConfig.duplicates,
    near_duplicates: Annotated[
        float, typer.Option(help="Share of images stored a second time, slightly changed.")
    ] = DefectConfig.near_duplicates,
    across_splits: Annotated[
        bool,
        typer.Option(
            "--across-splits",
            help="Put those second copies under another patient into another split.",
        ),
    ] = DefectConfig.across_splits,
    label_noise: Annotated[
        float, typer.Option(help="Share of labels that are wrong.")
    ] = DefectConfig.label_noise,
    json: JsonOption = False,
) -> None:
    """Draw chest radiographs with findings, boxes and reports.

    Also captions, from four virtual centres.

    What was spoilt on purpose stands in truth.json, and in no column of the manifest.
    """
    from medx.core.console import told_on_interrupt
    from medx.datasets.synth import parse_prevalence, synthesise_cxr

    given: dict[str, Any] = {**given_options(context), "size": size}
    if prevalence is not None:
        given["prevalence"] = parse_prevalence(prevalence)
    config = resolve_config(PhantomConfig(), given=given)
    defects = resolve_config(DefectConfig(), given=given)
    with told_on_interrupt(INTERRUPTED):
        result = synthesise_cxr(config, defects, output)
    _show(result, json=json)


@app.command("phantom-smear")
def phantom_smear(
    context: typer.Context,
    output: FolderOption,
    count: CountOption = SmearConfig.count,
    size: Annotated[
        str, typer.Option(help="WIDTHxHEIGHT in pixels, each 128-4096; the field stays the same.")
    ] = "640x480",
    seed: SeedOption = 0,
    cells: Annotated[
        float, typer.Option(help="Mean number of red cells in a field, 0-250.")
    ] = SmearConfig.cells,
    parasitaemia: Annotated[
        float, typer.Option(help="Share of red cells infected, 0-1.")
    ] = SmearConfig.parasitaemia,
    leukocytes: Annotated[
        float, typer.Option(help="Mean number of leukocytes in a field, 0-5.")
    ] = SmearConfig.leukocytes,
    stain_strength: Annotated[
        float, typer.Option(help="How far the four labs' looks differ, 0-1.")
    ] = SmearConfig.stain_strength,
    fields_per_slide: Annotated[
        int, typer.Option(help="Fields that share slide, lab and split.")
    ] = SmearConfig.fields_per_slide,
    jpeg: Annotated[bool, typer.Option("--jpeg", help="Store JPEG instead of PNG.")] = False,
    json: JsonOption = False,
) -> None:
    """Draw stained blood-smear fields with cells and boxes.

    Red cells, parasites and leukocytes.

    Boxes stand in the manifest, and in training.json and test.json as BBBC041 has them.
    """
    from medx.core.console import told_on_interrupt
    from medx.datasets.synth import parse_size, synthesise_smear

    width, height = parse_size(size)
    given = {**given_options(context), "width": width, "height": height}
    config = resolve_config(SmearConfig(), given=given)
    with told_on_interrupt(INTERRUPTED):
        result = synthesise_smear(config, output, jpeg=jpeg)
    _show(result, json=json)


def _show(result: SynthResult, *, json: bool) -> None:
    from medx.core.console import print_json, print_line, print_table

    if json:
        print_json(result)
        return
    splits = list(result.images)
    rows = [("images", *result.images.values())]
    for kind, counts in (("label", result.labels), ("box", result.boxes)):
        rows += [(f"{kind}: {name}", *(n.get(s, 0) for s in splits)) for name, n in counts.items()]
    print_table(rows, columns=("what", *splits), title=f"{result.name} (synthetic)")
    spoilt = {
        "duplicates": result.duplicates,
        "near-duplicates": result.near_duplicates,
        "wrong labels": result.flipped_labels,
        "burnt-in markers": result.marked,
    }
    if any(spoilt.values()):
        told = ", ".join(f"{n} {what}" for what, n in spoilt.items() if n)
        print_line(f"put in on purpose: {told}; told in {result.truth}")
    print_line(f"dataset: {result.folder}")
    print_line(result.disclaimer)
