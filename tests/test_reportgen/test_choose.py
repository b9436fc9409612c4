import shutil

import pytest
from fault_server import MODEL, FaultServer, refuse

from medx.core.errors import EngineError, UnknownNameError, WeightsUnavailableError
from reportgen.config import ReportConfig
from reportgen.engines.choose import choose_engine


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    for name in ("MEDX_OPENAI_BASE_URL", "MEDX_OPENAI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_auto_with_neither_weights_nor_server_is_the_mock_and_says_why(capfd):
    chosen = choose_engine(ReportConfig())
    assert chosen.engine.is_mock
    assert "google/medgemma-4b-it: not in the hub cache" in chosen.reason
    assert chosen.reason.endswith("and no server (MEDX_OPENAI_BASE_URL is not set)")
    assert f"writing mock reports: {chosen.reason}" in capfd.readouterr().err


def test_auto_without_weights_takes_the_server_of_the_environment(monkeypatch, capfd):
    with FaultServer() as server:
        monkeypatch.setenv("MEDX_OPENAI_BASE_URL", server.url)
        chosen = choose_engine(ReportConfig())
    assert (chosen.engine.name, chosen.engine.config.engine) == ("openai", "openai")
    assert chosen.reason.startswith("no MedGemma weights on this machine (")
    assert chosen.reason.endswith(f"but MEDX_OPENAI_BASE_URL names a server that has {MODEL}")
    assert f"writing with openai: {chosen.reason}" in capfd.readouterr().err


def test_auto_with_weights_does_not_ask_the_server(tiny_medgemma, monkeypatch):
    with FaultServer() as server:
        monkeypatch.setenv("MEDX_OPENAI_BASE_URL", server.url)
        chosen = choose_engine(ReportConfig(weights=str(tiny_medgemma)))
    assert (chosen.engine.name, server.paths) == ("medgemma", [])


def test_auto_says_that_the_server_of_the_environment_cannot_be_used(monkeypatch, capfd):
    with FaultServer() as server:
        server.on_greeting = refuse(401)
        monkeypatch.setenv("MEDX_OPENAI_BASE_URL", server.url)
        chosen = choose_engine(ReportConfig())
    assert chosen.engine.is_mock
    assert "and the server of MEDX_OPENAI_BASE_URL cannot be used (the server answered 401" in (
        chosen.reason
    )
    assert f"writing mock reports: {chosen.reason}" in capfd.readouterr().err


def test_auto_with_an_address_is_that_server_or_an_error(tiny_medgemma):
    with FaultServer() as server:
        config = ReportConfig(base_url=server.url)
        assert choose_engine(config).reason == "--base-url names a server"
        server.on_greeting = refuse(401)
        with pytest.raises(EngineError, match="answered 401"):
            choose_engine(config)


def test_a_name_that_only_a_server_knows_is_no_error_where_there_is_one(monkeypatch):
    with FaultServer() as server:
        monkeypatch.setenv("MEDX_OPENAI_BASE_URL", server.url)
        assert choose_engine(ReportConfig(model="my-alias")).engine.model == "my-alias"


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
