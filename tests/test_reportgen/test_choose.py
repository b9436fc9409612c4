import shutil

import pytest

from medx.core.errors import UnknownNameError, WeightsUnavailableError
from reportgen.config import ReportConfig
from reportgen.engines.choose import choose_engine


def test_auto_without_weights_is_the_mock_and_says_why(capfd):
    chosen = choose_engine(ReportConfig())
    assert chosen.engine.is_mock
    assert "google/medgemma-4b-it: not in the hub cache" in chosen.reason
    assert f"writing mock reports: {chosen.reason}" in capfd.readouterr().err


def test_auto_with_weights_is_medgemma_without_loading_it(tiny_medgemma):
    chosen = choose_engine(ReportConfig(weights=str(tiny_medgemma)))
    assert chosen.engine.name == "medgemma"
    assert chosen.reason == "the weights of medgemma-4b-it are at hand (a local folder)"


def test_auto_takes_a_complete_hub_cache(hub_cache, tiny_medgemma):
    repo = hub_cache / "models--google--medgemma-1.5-4b-it"
    shutil.copytree(tiny_medgemma, repo / "snapshots" / "abc")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    chosen = choose_engine(ReportConfig())
    assert (chosen.engine.model, chosen.engine.revision) == (
        "google/medgemma-1.5-4b-it",
        "hub:abc",
    )
    assert chosen.engine.takes_system_prompt is False


def test_auto_does_not_pass_over_a_bad_folder_in_silence(tmp_path):
    with pytest.raises(WeightsUnavailableError, match=r"no config\.json"):
        choose_engine(ReportConfig(weights=str(tmp_path)))


def test_what_was_asked_for_is_taken():
    assert choose_engine(ReportConfig(engine="mock")).reason == "asked for"
    with pytest.raises(WeightsUnavailableError):
        choose_engine(ReportConfig(engine="medgemma"))


def test_an_unknown_engine_gets_a_near_name():
    with pytest.raises(UnknownNameError, match="unknown engine 'medgema'") as caught:
        choose_engine(ReportConfig(engine="medgema"))
    assert "did you mean 'medgemma'?" in caught.value.hint
    assert "auto" in caught.value.hint


@pytest.mark.parametrize("name", ["num_samples", "limit", "max_new_tokens"])
def test_counts_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be >= 1, got 0"):
        ReportConfig(**{name: 0})
