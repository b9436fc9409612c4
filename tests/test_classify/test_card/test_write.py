import re
import shutil

import pytest

from classify.card.page import render_html, render_markdown
from classify.card.write import add_evaluation, read_card, save_card
from classify.evaluation.evaluate import evaluate
from medx.core.errors import CheckpointError
from medx.core.runs import load_json


@pytest.fixture
def run(binary_run, tmp_path):
    """A copy of a run that a test may change."""
    return shutil.copytree(binary_run, tmp_path / "run")


def numbers(text):
    return set(re.findall(r"\d+\.\d{3}\b", text))


def test_training_leaves_a_card_with_val_figures(run):
    text = (run / "MODEL_CARD.md").read_text()
    val = load_json(run / "metrics.json")["val"]["auroc"]
    assert f"| auroc | {val['estimate']:.3f} [{val['low']:.3f}, {val['high']:.3f}] |" in text
    assert "not for clinical use" in text
    assert "Synthetic images" in text
    assert "test evaluated never yet" in text
    assert "evaluations: none was made yet" in text
    assert load_json(run / "model.json")["weights_sha256"] in text


def test_an_evaluation_refreshes_the_card_once_and_for_good(run, binary, tmp_path):
    result = evaluate(run, binary, "test", output_dir=tmp_path / "out", resamples=20)
    text = (run / "MODEL_CARD.md").read_text()
    assert f"binary, test, n = {result.n}, synthetic" in text
    assert f"| auroc | {result.metrics['auroc']} |" in text
    assert "test evaluated once" in text
    assert f"| flagged as unlike the training images | {result.trust.ood.flagged} |" in text
    assert "none was made yet" not in text
    shutil.rmtree(tmp_path / "out")
    add_evaluation(run, result)
    moved = run.rename(tmp_path / "elsewhere")
    assert [e.split for e in save_card(moved).evaluations] == ["test"]


def test_the_card_says_what_an_evaluation_decided_by(run, binary, tmp_path):
    for number, rule in enumerate(("0.9", "specificity>=0.9")):
        folder = tmp_path / str(number)
        evaluate(run, binary, "val", output_dir=folder, resamples=5, operating_point=rule)
    text = (run / "MODEL_CARD.md").read_text()
    assert "| at 0.900, as given | at 0.5 | chance |" in text
    assert "specificity>=0.9, chosen on val | at 0.5 | chance |" in text
    assert "balanced_accuracy, chosen on val | at 0.5 |" in text


def test_every_number_is_in_the_files_of_the_run(run):
    written = numbers(render_markdown(read_card(run)))
    held = "\n".join(path.read_text() for path in run.rglob("*.json"))
    known = {f"{float(value):.3f}" for value in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", held)}
    known |= {f"{float(v):.3f}" for v in re.findall(r"\d+\.\d+", (run / "config.yaml").read_text())}
    known |= {value.lstrip("-") for value in known}
    assert len(written) > 5
    assert written <= known


def test_what_is_missing_is_said_to_be_missing(run):
    for name in ("data.json", "metrics.json", "environment.json"):
        (run / name).unlink()
    card = save_card(run)
    assert [line.split(":")[0] for line in card.missing[-3:]] == [
        "figures of training",
        "facts about the data",
        "environment",
    ]
    assert "The figures on val are not recorded in this run" in (run / "MODEL_CARD.md").read_text()


def test_an_evaluation_of_another_version_is_listed_not_fatal(run):
    (run / "evaluations").mkdir()
    (run / "evaluations" / "old.json").write_text('{"schema_version": 0}')
    assert "evaluation old: of another version" in read_card(run).missing


def test_names_cannot_break_the_page_or_the_table(run):
    data = load_json(run / "data.json")
    card = read_card(run)
    odd = card.data.model_copy(update={"description": "<script>a|b</script>\nnew line ![x](//u)"})
    card = card.model_copy(update={"data": odd})
    assert data["name"] == "binary"
    assert "<script>" not in render_html(card)
    assert "| what | &lt;script>a\\|b&lt;/script> new line ![x]\\(//u) |" in render_markdown(card)


def test_no_folder_of_a_user_reaches_the_card(run):
    card = read_card(run)
    settings = {**card.settings, "weights": "/home/someone/weights.safetensors"}
    text = render_markdown(card.model_copy(update={"settings": settings}))
    assert "weights.safetensors" in text
    assert "someone" not in text
    assert str(run) not in text


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError):
        save_card(tmp_path)
