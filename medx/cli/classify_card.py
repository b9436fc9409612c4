"""``medx classify card``: the model card of a train run."""

from __future__ import annotations

from medx.cli.options import DataDirOption, DatasetOption, JsonOption, RunOption


def card(
    run: RunOption = None,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Write the model card of a train run.

    MODEL_CARD.md and MODEL_CARD.html in its folder.
    """
    from classify.card.write import save_card
    from classify.runs import choose_run
    from medx.core.console import print_json, print_line
    from medx.core.words import many

    train_dir, _ = choose_run(run, dataset, data_dir)
    written = save_card(train_dir)
    if json:
        print_json(written)
        return
    looks, made = many(len(written.ledger), "look"), many(len(written.evaluations), "evaluation")
    print_line(f"{written.name}: {made}, {looks} at a test split")
    for missing in written.missing:
        print_line(f"missing: {missing}")
    print_line(f"card: {written.card}")
    print_line(f"page: {written.page}")
    print_line(written.disclaimer)
