"""The engine against a real server: ``transformers serve`` with a tiny Gemma 3."""

from pathlib import Path

import pytest
import transformers_server

from medx.core.errors import EngineError
from reportgen.config import ReportConfig
from reportgen.engines.choose import ChosenEngine, choose_engine
from reportgen.engines.medgemma import MedGemmaEngine
from reportgen.engines.openai import OpenAIEngine
from reportgen.generate import generate_reports
from reportgen.report_files import read_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def served(tiny_medgemma, tmp_path_factory) -> ReportConfig:
    """Settings that lead to the server."""
    if reason := transformers_server.why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("serving")
    with transformers_server.serving(tiny_medgemma, folder) as url:
        yield ReportConfig(
            engine="openai", base_url=url, model=str(tiny_medgemma), free_text=True,
            max_new_tokens=12,
        )  # fmt: skip


def test_the_server_answers_as_the_model_does_on_this_machine(
    served, tiny_medgemma, make_items, make_request
):
    asked = [make_request(item.evidence, item.pixels) for item in make_items(6)]
    answers = dict(OpenAIEngine(served).generate_all(asked))
    local = MedGemmaEngine(ReportConfig(weights=str(tiny_medgemma), device="cpu"))
    for position, request in enumerate(asked):
        expected = local.generate(request)
        answer = answers[position]
        assert answer.text == expected.text
        assert (answer.tokens, answer.prompt_tokens) == (expected.tokens, expected.prompt_tokens)
        assert answer.cut_off == expected.cut_off
    assert len({answer.text for answer in answers.values()}) > 1


def test_a_run_of_reports(served, strategies, make_items, tmp_path, capfd):
    chosen = choose_engine(served)
    result = generate_reports(make_items(3), [strategies["concise"]], chosen, tmp_path)
    assert (result.engine, len(result.reports), result.failures) == ("openai", 3, [])
    report = read_report(Path(result.run_dir) / result.reports[0].path)
    assert report.model == served.model
    assert report.model_revision.startswith(served.model)
    assert "8 requests at a time" in " ".join(capfd.readouterr().err.split())
    again = generate_reports(
        make_items(3), [strategies["concise"]], choose_engine(served), tmp_path, resume=True
    )
    assert again.resumed == 3


def test_a_server_that_passes_over_the_schema_is_not_trusted(
    served, strategies, make_items, tmp_path
):
    config = ReportConfig(
        engine="openai", base_url=served.base_url, model=served.model, max_new_tokens=12
    )
    chosen = ChosenEngine(engine=OpenAIEngine(config), reason="a test")
    with pytest.raises(EngineError, match="all 2 reports failed"):
        generate_reports(make_items(2), [strategies["concise"]], chosen, tmp_path)


def test_another_model_than_the_servers_is_refused_before_any_image_is_sent(served):
    with pytest.raises(EngineError, match="the server answered 400: Server is pinned to"):
        OpenAIEngine(ReportConfig(base_url=served.base_url, model="other/model"))
