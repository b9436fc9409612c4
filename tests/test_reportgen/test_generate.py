import json
import weakref
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from medx.core.errors import EngineError, InputError
from medx.core.settings import DISCLAIMER
from medx.core.values import HeatMap
from reportgen.agreement.results import WarningKind
from reportgen.config import ReportConfig
from reportgen.engines.choose import choose_engine
from reportgen.evidence import HeatMapFact
from reportgen.generate import MOST_REPORTS, generate_reports
from reportgen.item import ReportItem
from reportgen.report_files import list_reports, read_report
from reportgen.report_set import Skipped

GOOD = "FINDINGS: hazy [P1]\nIMPRESSION: pneumonia likely"


@pytest.fixture
def mock():
    return choose_engine(ReportConfig(engine="mock"))


@pytest.fixture
def concise(strategies):
    return [strategies["concise"]]


def read(result):
    """Return the reports of a run from their files."""
    return [read_report(Path(result.run_dir) / row.path) for row in result.reports]


def written(run_dir):
    return sorted(path.name for path in (run_dir / "reports").iterdir())


def test_every_image_gets_every_strategy(mock, strategies, make_items, tmp_path):
    result = generate_reports(make_items(3), list(strategies.values()), mock, tmp_path)
    assert len(result.reports) == result.contract_met == 3 * len(strategies)
    assert written(tmp_path)[:2] == ["case-0--concise.json", "case-0--differential.json"]
    assert json.loads((tmp_path / "metrics.json").read_text())["images"] == 3


def test_a_report_tells_where_it_comes_from(mock, concise, make_items, tmp_path):
    (report,) = read(generate_reports(make_items(1), concise, mock, tmp_path))
    assert (report.engine, report.engine_reason, report.is_mock) == ("mock", "asked for", True)
    assert report.prompt.startswith("The attached image is a chest radiograph.")
    (strategy,) = concise
    assert report.strategy_version == strategy.version
    assert report.settings.max_new_tokens == strategy.max_new_tokens
    assert report.medx_version == version("medx")
    assert report.disclaimer == DISCLAIMER
    assert report.cited == ["P1", "N1", "N2", "N4"]


def test_the_true_label_changes_no_prompt_and_no_report(
    mock, scripted, strategies, make_items, tmp_path
):
    found = []
    for label in ("normal", "pneumonia", None):
        items = [replace(item, reference_label=label) for item in make_items(2)]
        for name, chosen in (("mock", mock), ("scripted", scripted())):
            result = generate_reports(
                items, list(strategies.values()), chosen, tmp_path / f"{name}-{label}"
            )
            varying = {"seconds", "created"}
            found.append((name, [r.model_dump(exclude=varying) for r in read(result)]))
    for name in ("mock", "scripted"):
        first, *others = [reports for engine, reports in found if engine == name]
        assert all(reports == first for reports in others)


def test_a_reply_off_the_contract_is_kept_as_text(scripted, concise, make_items, tmp_path):
    result = generate_reports(make_items(1), concise, scripted("Looks fine."), tmp_path)
    (report,) = read(result)
    assert (report.text, report.contract_met) == ("Looks fine.", False)
    assert report.missing == ["findings", "impression"]
    assert [w.text for w in report.warnings] == ["cites no evidence"]


def test_one_failure_is_counted_and_the_rest_goes_on(
    scripted, concise, make_items, tmp_path, capfd
):
    chosen = scripted(GOOD, EngineError("no memory"), GOOD)
    result = generate_reports(make_items(3), concise, chosen, tmp_path)
    assert [r.image_id for r in result.reports] == ["case-0", "case-2"]
    assert [(f.image_id, f.reason) for f in result.failures] == [("case-1", "no memory")]
    assert "no report for case-1 concise: no memory" in capfd.readouterr().err
    assert "no memory" in (tmp_path / "reports.md").read_text()


def test_when_all_fail_that_is_an_error(scripted, concise, make_items, tmp_path):
    chosen = scripted(EngineError("gone"), EngineError("gone"))
    with pytest.raises(EngineError, match="all 2 reports failed, first: gone"):
        generate_reports(make_items(2), concise, chosen, tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text())["failures"]


def test_ctrl_c_keeps_what_was_done_and_resume_does_the_rest(
    scripted, concise, make_items, tmp_path, capfd
):
    items = make_items(3)
    with pytest.raises(KeyboardInterrupt):
        generate_reports(items, concise, scripted(GOOD, KeyboardInterrupt()), tmp_path)
    assert written(tmp_path) == ["case-0--concise.json"]
    assert "1 of 3 reports" in capfd.readouterr().err
    chosen = scripted(GOOD, GOOD)
    result = generate_reports(items, concise, chosen, tmp_path, resume=True)
    assert (result.resumed, len(result.reports)) == (1, 3)
    assert [r.evidence.image_id for r in chosen.engine.requests] == ["case-1", "case-2"]


def test_a_finished_run_loads_no_weights(scripted, concise, make_items, tmp_path):
    generate_reports(make_items(2), concise, scripted(), tmp_path)
    chosen = scripted()
    chosen.engine.prepare = lambda: pytest.fail("weights were loaded")
    assert generate_reports(make_items(2), concise, chosen, tmp_path, resume=True).resumed == 2


def test_without_resume_everything_is_written_again(scripted, concise, make_items, tmp_path):
    generate_reports(make_items(1), concise, scripted("old"), tmp_path)
    (report,) = read(generate_reports(make_items(1), concise, scripted(GOOD), tmp_path))
    assert report.text == GOOD


@pytest.mark.parametrize("damage", [b"{", b"", b"\xff\xfe", b'{"schema_version": 1}'])
def test_a_damaged_report_is_written_again(damage, scripted, concise, make_items, tmp_path, capfd):
    generate_reports(make_items(1), concise, scripted(), tmp_path)
    (tmp_path / "reports" / "case-0--concise.json").write_bytes(damage)
    result = generate_reports(make_items(1), concise, scripted(), tmp_path, resume=True)
    assert result.resumed == 0
    assert "case-0--concise.json is damaged" in capfd.readouterr().err


def test_resume_notices_another_question(
    scripted, concise, make_items, make_prediction, tmp_path, capfd
):
    generate_reports(make_items(1), concise, scripted(), tmp_path)
    changes = (
        (make_items(1, prediction=make_prediction(probability=0.5)), scripted()),
        (make_items(1), scripted(max_new_tokens=5)),
        ([replace(i, pixels=255 - i.pixels) for i in make_items(1)], scripted()),
    )
    for items, chosen in changes:
        result = generate_reports(items, concise, chosen, tmp_path, resume=True)
        assert result.resumed == 0
        assert "1 report answered another question" in capfd.readouterr().err


def test_a_model_without_system_turn_gets_and_records_none(scripted, concise, make_items, tmp_path):
    chosen = scripted()
    chosen.engine.takes_system_prompt = False
    (report,) = read(generate_reports(make_items(1), concise, chosen, tmp_path))
    assert report.system_prompt == chosen.engine.requests[0].prompt.system == ""


def test_awkward_ids_become_safe_and_different_files(scripted, concise, make_items, tmp_path):
    items = [
        replace(item, evidence=item.evidence.model_copy(update={"image_id": name}))
        for item, name in zip(make_items(3), ["../../x", "a/x", ".."], strict=True)
    ]
    generate_reports(items, concise, scripted(), tmp_path / "deep" / "run")
    assert len(written(tmp_path / "deep" / "run")) == 3
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["run"]


def test_no_items_or_repeated_ids_are_the_callers_mistake(scripted, concise, make_items, tmp_path):
    for items, message in (([], "items must not be empty"), (make_items(1) * 2, "be unique")):
        with pytest.raises(ValueError, match=message):
            generate_reports(items, concise, scripted(), tmp_path)


def test_unreadable_files_are_listed_between_images(scripted, concise, make_items, tmp_path):
    first, second = make_items(2)
    items = iter([first, Skipped(image_id="cut.png", reason="truncated"), second])
    result = generate_reports(items, concise, scripted(), tmp_path)
    assert [row.image_id for row in result.reports] == ["case-0", "case-1"]
    assert (result.images, result.skipped[0].image_id) == (2, "cut.png")
    assert "cut.png: truncated" in (tmp_path / "reports.md").read_text()
    only = [Skipped(image_id="cut.png", reason="truncated")]
    with pytest.raises(InputError, match="no image could be read: truncated"):
        generate_reports(only, concise, scripted(), tmp_path / "none")


@pytest.fixture
def unlike(make_items, make_prediction):
    """Two images, of which the second is like none the classifier knows."""
    prediction = make_prediction(
        out_of_distribution=True, ood_score=3.0, abstain=True, abstain_reasons=["in brightness"]
    )
    first, second = make_items(2)
    evidence = second.evidence.model_copy(update={"prediction": prediction})
    return [first, replace(second, evidence=evidence)]


def test_an_unlike_image_is_refused_and_no_engine_sees_it(unlike, scripted, concise, tmp_path):
    chosen = scripted()
    result = generate_reports(unlike, concise, chosen, tmp_path)
    assert [request.evidence.image_id for request in chosen.engine.requests] == ["case-0"]
    (refused,) = result.refused
    assert (refused.image_id, "in brightness" in refused.reason) == ("case-1", True)
    assert written(tmp_path) == ["case-0--concise.json"]
    assert "No report: the image is unlike" in (tmp_path / "reports.html").read_text()


def test_only_unlike_images_are_an_error_with_a_way_out(unlike, scripted, concise, tmp_path):
    with pytest.raises(InputError, match="no report was written: the image is unlike") as caught:
        generate_reports(unlike[1:], concise, scripted(), tmp_path)
    assert "--allow-unlike" in caught.value.hint
    assert json.loads((tmp_path / "metrics.json").read_text())["refused"]


def test_a_report_on_an_unlike_image_says_so(unlike, scripted, concise, tmp_path):
    result = generate_reports(unlike, concise, scripted(allow_unlike=True), tmp_path)
    first, second = read(result)
    assert first.unlike is None
    assert second.unlike == second.warnings[0].text
    assert second.warnings[0].kind is WarningKind.unlike
    resumed = generate_reports(unlike, concise, scripted(allow_unlike=True), tmp_path, resume=True)
    assert resumed.resumed == 2


def test_every_claim_has_its_verdict_in_the_row_and_the_report(
    scripted, concise, make_items, tmp_path
):
    text = "FINDINGS: Hazy [P1].\nIMPRESSION: No pneumonia."
    result = generate_reports(make_items(1), concise, scripted(text), tmp_path)
    (report,) = read(result)
    verdicts = [claim.verdict.value for claim in report.agreement.claims]
    assert result.reports[0].contradictions == verdicts.count("contradict") == 1
    assert result.contradicting == 1


def test_failed_reports_are_tried_again(scripted, concise, make_items, tmp_path):
    generate_reports(make_items(2), concise, scripted(GOOD, EngineError("busy")), tmp_path)
    chosen = scripted(GOOD)
    result = generate_reports(make_items(2), concise, chosen, tmp_path, resume=True)
    assert (result.resumed, len(result.reports), result.failures) == (1, 2, [])
    assert [request.evidence.image_id for request in chosen.engine.requests] == ["case-1"]


def test_resume_forgives_another_batch_and_the_last_digit_of_a_float(
    scripted, concise, make_items, make_prediction, tmp_path
):
    whole, halves = scripted(batch_size=4), scripted(batch_size=2)
    whole.engine.name = halves.engine.name = "medgemma"  # others have no batches
    (report,) = read(generate_reports(make_items(1), concise, whole, tmp_path))
    assert report.settings.batch_size == 4
    nearly = make_items(1, prediction=make_prediction(probability=0.87 + 1e-8))
    assert generate_reports(nearly, concise, halves, tmp_path, resume=True).resumed == 1


def test_what_a_kill_left_half_written_is_no_report_and_goes(
    scripted, concise, make_items, tmp_path
):
    generate_reports(make_items(1), concise, scripted(), tmp_path)
    half = tmp_path / "reports" / ".case-1--concise.json.abc.json"
    half.write_text('{"schema')
    assert [path.name for path in list_reports(tmp_path)] == ["case-0--concise.json"]
    generate_reports(make_items(1), concise, scripted(), tmp_path, resume=True)
    assert not half.exists()


def test_few_of_many_images_are_in_memory_at_once(scripted, concise, make_evidence, tmp_path):
    alive, most = [], 0

    def stream():
        nonlocal most
        for number in range(400):
            evidence = make_evidence(image_id=str(number), prediction=None, neighbours=[])
            item = ReportItem(evidence=evidence, pixels=np.zeros((4, 4), np.uint8))
            alive.append(weakref.ref(item))
            most = max(most, sum(ref() is not None for ref in alive))
            yield item

    result = generate_reports(stream(), concise, scripted(), tmp_path, total=400)
    assert len(result.reports) == 400
    assert most <= 2 * MOST_REPORTS + 2
    assert result.pages == 16
    assert (tmp_path / "reports-16.html").is_file()
    shorter = generate_reports(
        [ReportItem(evidence=make_evidence(), pixels=np.zeros((4, 4), np.uint8))],
        concise, scripted(), tmp_path,
    )  # fmt: skip
    assert shorter.pages == 1
    assert not list(tmp_path.glob("reports-*"))


def test_each_report_is_written_as_pdf_once(scripted, concise, make_items, tmp_path):
    generate_reports(make_items(2), concise, scripted(pdf=True), tmp_path)
    pdf = tmp_path / "pdf" / "case-0--concise.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-")
    before = pdf.stat().st_mtime_ns
    (tmp_path / "pdf" / "case-1--concise.pdf").unlink()
    generate_reports(make_items(2), concise, scripted(pdf=True), tmp_path, resume=True)
    assert pdf.stat().st_mtime_ns == before
    assert (tmp_path / "pdf" / "case-1--concise.pdf").is_file()


@pytest.mark.parametrize("free_text", [True, False])
def test_the_tiny_medgemma_writes_a_set(tiny_medgemma, concise, make_items, tmp_path, free_text):
    config = ReportConfig(
        weights=str(tiny_medgemma), device="cpu", max_new_tokens=8 if free_text else 900,
        free_text=free_text,
    )  # fmt: skip
    result = generate_reports(make_items(1), concise, choose_engine(config), tmp_path)
    (report,) = read(result)
    assert (report.engine, report.is_mock) == ("medgemma", False)
    assert report.model_revision.startswith("files:")
    assert (report.settings.batch_size, report.settings.free_text) == (4, free_text)
    if free_text:
        assert "the text was cut off: the tokens ran out" in [w.text for w in report.warnings]
        assert (report.tokens, report.schema_valid) == (8, None)
    else:
        assert (report.schema_valid, report.repaired) == (True, False)
        assert json.loads(report.raw).keys() == {"findings", "impression"}
        assert report.text.startswith("FINDINGS:")


def test_a_report_that_answers_another_question_does_not_outlive_it(
    scripted, concise, make_items, tmp_path
):
    generate_reports(make_items(2), concise, scripted(), tmp_path)
    others = make_items(2, notes=["view: PA"])
    chosen = scripted(GOOD, EngineError("no memory"))
    generate_reports(others, concise, chosen, tmp_path, resume=True)
    assert written(tmp_path) == ["case-0--concise.json"]


def test_a_report_on_an_image_that_is_now_refused_goes(unlike, scripted, concise, tmp_path):
    generate_reports(unlike, concise, scripted(allow_unlike=True), tmp_path)
    assert len(written(tmp_path)) == 2
    generate_reports(unlike, concise, scripted(), tmp_path, resume=True)
    assert written(tmp_path) == ["case-0--concise.json"]


def test_a_run_that_goes_on_is_not_finished(scripted, concise, make_items, tmp_path):
    generate_reports(make_items(1), concise, scripted(), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        generate_reports(
            make_items(2), concise, scripted(KeyboardInterrupt()), tmp_path, resume=True
        )
    assert not (tmp_path / "metrics.json").exists()


def test_two_strategies_of_one_name_are_the_callers_mistake(
    scripted, concise, make_items, tmp_path
):
    with pytest.raises(ValueError, match="two are called 'concise'"):
        generate_reports(make_items(1), concise * 2, scripted(), tmp_path)


def test_no_image_takes_the_place_of_anothers_heatmap(mock, concise, make_evidence, tmp_path):
    heatmap = HeatMap(
        id="film",
        label="pneumonia",
        method="gradcam",
        classifier="toy",
        values=np.eye(2, dtype=np.float32),
        peak=(0.9, 0.5),
        zone="middle right",
    )
    fact = HeatMapFact(label="pneumonia", method="gradcam", peak=(0.9, 0.5), zone="middle right")
    items = [
        ReportItem(
            evidence=make_evidence(image_id="film", heatmap=fact),
            pixels=np.zeros((28, 28), np.uint8),
            heatmap=heatmap,
        ),
        ReportItem(
            evidence=make_evidence(image_id="film.heatmap"), pixels=np.zeros((28, 28), np.uint8)
        ),
    ]
    generate_reports(items, concise, mock, tmp_path)
    assert len(list(tmp_path.rglob("*.png"))) == 3
