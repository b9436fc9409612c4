import json
import shutil
from types import SimpleNamespace

import pytest

from medx.core.errors import InputError, WeightsUnavailableError
from reportgen.engines.weights import MODELS, fetch_weights, find_weights, missing_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def in_cache(hub_cache, tiny_medgemma):
    """Put the tiny checkpoint into the hub cache under a real id."""

    def put(model):
        repo = hub_cache / f"models--{model.replace('/', '--')}"
        shutil.copytree(tiny_medgemma, repo / "snapshots" / COMMIT)
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text(COMMIT)
        return repo / "snapshots" / COMMIT

    return put


@pytest.fixture
def copy(tiny_medgemma, tmp_path):
    return shutil.copytree(tiny_medgemma, tmp_path / "copy")


def test_a_complete_folder_is_taken_and_fingerprinted(tiny_medgemma, copy):
    weights = find_weights(None, str(tiny_medgemma))
    assert weights.model == "medgemma-4b-it"
    assert weights.revision.startswith("files:")
    assert find_weights(None, str(copy)).revision == weights.revision


def test_other_weights_have_another_fingerprint(tiny_medgemma, copy):
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    ours, theirs = find_weights(None, str(copy)), find_weights(None, str(tiny_medgemma))
    assert ours.revision != theirs.revision


def test_model_may_itself_be_a_folder(tiny_medgemma):
    assert find_weights(str(tiny_medgemma)).folder == tiny_medgemma


def test_the_commit_noted_by_the_hub_client_is_the_revision(copy):
    noted = copy / ".cache" / "huggingface" / "download" / "config.json.metadata"
    noted.parent.mkdir(parents=True)
    noted.write_text(f"{COMMIT}\netag\n1.0\n")
    assert find_weights(None, str(copy)).revision == f"hub:{COMMIT}"


def test_the_hub_cache_is_searched_in_order(in_cache):
    in_cache(MODELS[1])
    assert find_weights(None).model == MODELS[1]
    folder = in_cache(MODELS[0])
    weights = find_weights(None)
    assert (weights.model, weights.folder) == (MODELS[0], folder)
    assert weights.revision == f"hub:{COMMIT}"


def test_a_revision_may_be_asked_for(in_cache, hub_cache):
    folder = in_cache("someone/their-model")
    (hub_cache / "models--someone--their-model" / "refs" / "v2").write_text(COMMIT)
    for revision in (COMMIT, "v2", "main"):
        weights = find_weights(f"someone/their-model@{revision}")
        assert (weights.model, weights.folder) == ("someone/their-model", folder)
        assert weights.revision == f"hub:{COMMIT}"


def test_another_revision_than_the_one_asked_for_is_not_taken(in_cache):
    in_cache("google/medgemma-4b-it")
    asked = "google/medgemma-4b-it@" + "f" * 40
    with pytest.raises(WeightsUnavailableError, match="not in the hub cache") as caught:
        find_weights(asked)
    assert f"--revision {'f' * 40} --local-dir DIR" in caught.value.hint


@pytest.mark.parametrize("model", ["a/b@", "a/b@x y", "a@b", "@main"])
def test_a_revision_needs_a_hub_id_and_a_name(model):
    with pytest.raises(InputError, match="neither a folder nor a hub id"):
        find_weights(model)


def test_a_half_downloaded_model_is_not_taken(in_cache):
    (in_cache(MODELS[1]) / "model.safetensors").unlink()
    with pytest.raises(WeightsUnavailableError, match=r"medgemma-4b-it: no model\.safetensors"):
        find_weights(None)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("config.json", "no config.json"),
        ("tokenizer.json", "no tokenizer.json or tokenizer.model or vocab.json"),
        ("processor_config.json", "no processor_config.json or preprocessor_config.json"),
        ("model.safetensors", "no model.safetensors"),
    ],
)
def test_every_missing_file_is_named(name, problem, copy):
    (copy / name).unlink()
    assert missing_files(copy) == [problem]
    with pytest.raises(WeightsUnavailableError, match="does not hold a complete model"):
        find_weights(None, str(copy))


@pytest.mark.parametrize("cut", [4, 100, -1])
def test_truncated_tensors_are_seen_without_loading(cut, copy):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    assert missing_files(copy) == ["model.safetensors is truncated or damaged"]


def test_all_shards_of_an_index_are_needed(copy):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    (copy / "model.safetensors").rename(copy / "model-1.safetensors")
    assert missing_files(copy) == ["no model-2.safetensors"]
    (copy / "model.safetensors.index.json").write_text("[]")
    assert missing_files(copy) == ["model.safetensors.index.json is damaged"]


def test_a_missing_folder_says_so(tmp_path):
    with pytest.raises(WeightsUnavailableError, match="no such folder"):
        find_weights(None, str(tmp_path / "nowhere"))


def test_what_is_neither_folder_nor_id_is_refused():
    with pytest.raises(InputError, match="neither a folder nor a hub id"):
        find_weights("../weights")


@pytest.mark.parametrize("model", ["google/medgemma-4b-it", "google/medgemma-27b-it", "a/b@v2"])
def test_offline_the_error_explains_step_by_step(model):
    with pytest.raises(
        WeightsUnavailableError, match="not on this machine and offline mode"
    ) as caught:
        fetch_weights(model)
    for step in ("accept the terms", "hf auth login", "--local-dir", "--weights", "--engine mock"):
        assert step in caught.value.hint


@pytest.mark.parametrize("error", ["GatedRepoError", "RepositoryNotFoundError"])
def test_the_hubs_refusal_is_translated(error, monkeypatch):
    from huggingface_hub import errors

    response = SimpleNamespace(headers={}, request=None)

    def refuse(*_args, **_kwargs):
        raise getattr(errors, error)("403 no", response=response)

    monkeypatch.delenv("MEDX_OFFLINE")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(
        "huggingface_hub.get_session", lambda: SimpleNamespace(head=lambda *_, **__: 0)
    )
    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(WeightsUnavailableError, match="google/medgemma-4b-it") as caught:
        fetch_weights("google/medgemma-4b-it")
    assert "accept the terms" in caught.value.hint
