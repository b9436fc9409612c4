"""Bad input: said, counted, nothing lost."""

import json

import pytest
from test_reportgen.test_evaluation.finished_runs import (
    NORMAL,
    PNEUMONIA,
    TRUE_REPORTS,
    named,
    write_report,
)

from medx.core.errors import CheckpointError, InputError


def test_a_damaged_report_is_counted_and_its_image_is_missing(four, capfd):
    run = four.run("a", TRUE_REPORTS)
    (run / "reports/n2--concise.json").write_text("{")
    four.run("b", TRUE_REPORTS)
    result = four.evaluate(run, four.folder / "b")
    assert [d.path for d in result.runs[0].damaged] == ["n2--concise.json"]
    assert "1 report file of a could not be read" in result.notes
    assert "1 report file" in capfd.readouterr().err


def test_an_interrupted_run_says_so(four):
    run = four.run("a", {name: TRUE_REPORTS[name] for name in ("n1", "p1")})
    (run / "metrics.json").unlink()
    result = four.evaluate(run)
    assert not result.runs[0].finished
    assert "a did not finish" in " ".join(result.notes)
    assert result.images == 2


def test_refused_and_unreadable_images_are_missing_with_their_reason(four):
    run = four.run("a", {name: TRUE_REPORTS[name] for name in ("n1", "p1")})
    told = {
        "refused": [{"image_id": "n2", "reason": "unlike the training images"}],
        "skipped": [{"image_id": "p2", "reason": "not an image"}],
    }
    (run / "metrics.json").write_text(json.dumps(told))
    missing = named(four.evaluate(run), "scripted/concise").missing
    assert [(m.image_id, m.reason) for m in missing] == [
        ("n2", "refused: unlike the training images"),
        ("p2", "unreadable: not an image"),
    ]


@pytest.mark.parametrize("damage", ["[]", '{"failures": [{}]}', '{"failures": 3}', "{"])
def test_a_damaged_summary_is_told(damage, four):
    run = four.run("a", TRUE_REPORTS)
    (run / "metrics.json").write_text(damage)
    if damage == "{":  # as a killed run leaves it
        assert not four.evaluate(run).runs[0].finished
        return
    with pytest.raises(CheckpointError, match=r"metrics\.json is damaged"):
        four.evaluate(run)


def test_no_run_the_same_run_twice_and_no_reports(four, tmp_path):
    run = four.run("a", TRUE_REPORTS)
    with pytest.raises(InputError, match="several different ones"):
        four.evaluate()
    with pytest.raises(InputError, match="several different ones"):
        four.evaluate(run, run)
    with pytest.raises(CheckpointError, match="not a run folder"):
        four.evaluate(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "config.yaml").write_text("dataset: x\n")
    with pytest.raises(InputError, match="holds no report that can be read"):
        four.evaluate(empty)


def test_without_dataset_forms_and_flips_are_all_that_is_measured(four, tmp_path):
    run = four.run("a", TRUE_REPORTS)
    (tmp_path / "data/manifest.csv").unlink()
    result = four.evaluate(run)
    assert (result.labelled, result.referenced) == (0, 0)
    assert named(result, "scripted/concise").quality.reports == 4
    assert any(note.startswith("no labels or reference reports of") for note in result.notes)
    assert result.runs[0].test_evaluations is None


def test_files_are_no_images_of_the_dataset(four):
    run = four.run("a", TRUE_REPORTS)
    (run / "config.yaml").write_text(f"dataset: {four.folder / 'data'}\nimages: [n1]\n")
    assert four.evaluate(run).labelled == 0
    assert four.evaluate(run, dataset=str(four.folder / "data")).labelled == 4


def test_labels_of_a_file_win(four, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("id,label\nn1,pneumonia\nn2,normal\np1,pneumonia\n")
    result = four.evaluate(four.run("a", TRUE_REPORTS), labels=str(labels))
    assert (result.labelled, result.labels_from) == (3, "labels.csv")
    score = named(result, "scripted/concise").statements[1]
    assert (score.positives, score.agreement.estimate) == (2, pytest.approx(2 / 3))


def test_labels_of_a_file_may_be_written_in_capitals(four, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("id,label\nn1,Normal\nn2,NORMAL\np1,Pneumonia\np2,Pneumonia \n")
    run = four.run("a", TRUE_REPORTS, prediction="normal")
    result = four.evaluate(run, labels=str(labels))
    assert (result.classes, result.normal) == (["pneumonia"], "normal")
    assert named(result, "classifier").statements[1].agreement.estimate == 0.5


def test_references_of_a_file_or_folder_win(four, tmp_path):
    table = tmp_path / "texts.csv"
    table.write_text(f'id,text,split\nn1,"{PNEUMONIA}",test\nt1,"{NORMAL}",train\n')
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "n1.txt").write_text(PNEUMONIA)
    for given in (table, folder):
        result = four.evaluate(four.run("a", TRUE_REPORTS), references=str(given))
        assert (result.referenced, result.references_from) == (1, given.name)
        assert named(result, "scripted/concise").findings[1].recall.estimate == 0
    constants = [c.name for c in result.contenders if c.name == "constant report"]
    assert not constants  # of a folder no report is known to be of train
    assert "no constant report: no reference report of a train split is known" in result.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,lable\nn1,normal\n", "needs the columns id and label"),
        ("id,label\nx,normal\n", "about none of the images"),
        ("id,label\nn1,normal\nn1,pneumonia\n", "repeats 1 id"),
        ("", "has no rows"),
    ],
)
def test_a_useless_table_of_labels_is_told(text, said, four, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        four.evaluate(four.run("a", TRUE_REPORTS), labels=str(path))


def test_an_empty_folder_of_references_and_an_unknown_column(four, tmp_path):
    empty = tmp_path / "texts"
    empty.mkdir()
    run = four.run("a", TRUE_REPORTS)
    with pytest.raises(InputError, match="holds no reference report"):
        four.evaluate(run, references=str(empty))
    with pytest.raises(InputError, match="no texts in a column 'impression'"):
        four.evaluate(run, column="impression")


def test_runs_of_other_images_share_some_or_are_told(four):
    one = four.run("a", {name: TRUE_REPORTS[name] for name in ("n1", "p1", "p2")})
    two = four.run("b", {name: TRUE_REPORTS[name] for name in ("n2", "p1", "p2")})
    result = four.evaluate(one, two)
    assert result.images == 4
    assert any("only 2 of 4 images are in every run" in note for note in result.notes)
    shared = four.evaluate(one, two, shared=True)
    assert (shared.images, shared.notes[0]) == (
        2,
        "2 images left out: not every run has them",
    )
    three = four.run("c", {"n2": NORMAL})
    with pytest.raises(InputError, match="share no image"):
        four.evaluate(one, three, shared=True)


def test_one_name_of_two_images_is_told(four):
    one = four.run("a", TRUE_REPORTS)
    two = four.run("b", TRUE_REPORTS, image_sha256="1" * 64)
    with pytest.raises(InputError, match="n1 is another image in b than in a"):
        four.evaluate(one, two, shared=True)


def test_runs_of_two_datasets_are_not_mixed(four):
    one, two = four.run("a", TRUE_REPORTS), four.run("b", TRUE_REPORTS)
    (two / "config.yaml").write_text("dataset: elsewhere\n")
    with pytest.raises(InputError, match="several datasets"):
        four.evaluate(one, two)


def test_each_look_at_test_is_counted_in_the_run(four):
    run = four.run("a", TRUE_REPORTS)
    assert [four.evaluate(run).runs[0].test_evaluations for _ in range(3)] == [1, 2, 3]
    entries = (run / "test_ledger.jsonl").read_text().splitlines()
    assert {**json.loads(entries[0]), "time": ""} == {
        "time": "", "dataset": "data", "split": "test", "n": 4,
    }  # fmt: skip


def test_val_is_no_test(runs):
    runs.image("v1", report=NORMAL, split="val")
    runs.dataset()
    run = runs.run("a", {"v1": NORMAL})
    assert runs.evaluate(run).runs[0].test_evaluations is None
    assert not (run / "test_ledger.jsonl").exists()


def test_mock_and_synthetic_are_said(four):
    run = four.run("a", TRUE_REPORTS, is_mock=True, synthetic=True, engine="mock", model="mock")
    result = four.evaluate(run)
    assert (result.is_mock, result.synthetic) == (True, True)
    page = (four.folder / "evaluated-0/report_evaluation.html").read_text()
    assert "Mock reports are among these" in page
    assert "Synthetic images" in page
    assert "Research use only" in page


def test_the_page_shows_worst_cases_with_pictures_and_escapes_words(four):
    evil = "FINDINGS:\n<script>alert(1)</script> pneumonia.\n\nIMPRESSION:\nPneumonia."
    run = four.run("a", {**TRUE_REPORTS, "n1": evil})
    result = four.evaluate(run, worst=1)
    assert [case.image_id for case in result.worst] == ["n1"]
    page = (four.folder / "evaluated-0/report_evaluation.html").read_text()
    assert "<script>" not in page
    assert "data:image/png;base64," in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_lost_picture_is_no_obstacle(four):
    run = four.run("a", {**TRUE_REPORTS, "n1": PNEUMONIA, "n2": PNEUMONIA})
    (run / "images/n1.png").write_bytes(b"no picture")
    (run / "images/n2.png").unlink()
    assert len(four.evaluate(run).worst) == 2
    assert "no picture was kept" in (four.folder / "evaluated-0/report_evaluation.html").read_text()


def test_two_models_of_one_engine_keep_apart(four):
    one = four.run("a", TRUE_REPORTS, model="org/small")
    for name in TRUE_REPORTS:
        write_report(one, name, NORMAL, model="org/large", strategy="structured")
    two = four.run("b", TRUE_REPORTS, model="org/large")
    names = [c.name for c in four.evaluate(one, two).contenders if c.kind.value == "engine"]
    assert names == [
        "scripted small/concise",
        "scripted large/structured",
        "scripted large/concise",
    ]
