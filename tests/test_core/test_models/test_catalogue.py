import re

import pytest

from medx.core.errors import InputError, UnknownNameError
from medx.core.hub import cached_snapshots
from medx.core.models.catalogue import CATALOGUE, MAIN, find_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def put(hub_cache, model, commit, *, main=False):
    """Write an empty copy of a model into the hub cache."""
    repository = hub_cache / f"models--{model.repository.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for names in model.needs:
        (snapshot / names[0]).write_bytes(b"")
    if main:
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(commit)
    return snapshot


@pytest.fixture
def hub_cache(tmp_path):
    return tmp_path / "hf" / "hub"


def test_every_model_is_pinned_and_says_its_licence():
    for name, model in CATALOGUE.items():
        assert model.name == name
        assert re.fullmatch(r"[0-9a-f]{40}", model.revision)
        assert model.licence
        assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in model.sha256.values())


def test_the_pinned_snapshot_goes_before_the_branch(hub_cache):
    model = CATALOGUE["biomedclip"]
    assert model.find() is None
    branch = put(hub_cache, model, COMMIT, main=True)
    assert model.find() == branch
    pinned = put(hub_cache, model, model.revision)
    assert model.find() == pinned
    (pinned / "tokenizer.json").unlink()
    assert model.missing_files(pinned) == ["tokenizer.json or vocab.txt"]
    assert model.find() == branch
    assert cached_snapshots(model.repository) == [branch]


def test_a_damaged_branch_is_no_copy(hub_cache):
    model = CATALOGUE["medsiglip"]
    (put(hub_cache, model, COMMIT, main=True).parents[1] / "refs" / "main").write_bytes(b"\xff")
    assert model.find() is None


def test_steps_to_gated_weights_begin_with_the_terms(monkeypatch):
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)
    steps = CATALOGUE["medsiglip"].how_to_get(instead="--encoder compact").splitlines()
    assert "1. sign in and accept the terms" in steps[1]
    assert "3. run `medx models pull medsiglip`" in steps[3]
    assert steps[-1] == "or use --encoder compact"
    assert "\n  run `medx models pull biomedclip`" in CATALOGUE["biomedclip"].how_to_get()


def test_offline_all_steps_but_the_last_are_for_another_machine():
    said = CATALOGUE["biomedclip"].how_to_get()
    assert "on a machine with internet:\n  run `medx models pull biomedclip --to DIR`" in said
    assert said.endswith("then copy DIR here and name it with --weights DIR")
    assert "models pull biomedclip`" not in said


def test_libraries_name_repositories_of_their_own():
    network = find_model("timm:resnet18")
    assert network.repository == "timm/resnet18.a1_in1k"
    assert (network.revision, network.licence) == (MAIN, "apache-2.0")
    clip = find_model("open_clip:ViT-B-32/laion2b_s34b_b79k")
    assert clip.repository == "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("biomedklip", UnknownNameError, "unknown model"),
        ("timm:resnet_18x", UnknownNameError, "unknown timm network"),
        ("timm:coatnet_0_224", InputError, "publishes no weights"),
        ("open_clip:ViT-B-32/laion9", UnknownNameError, "unknown open_clip model"),
        ("timm:", UnknownNameError, "unknown model"),
    ],
)
def test_other_names_are_errors(name, error, message):
    with pytest.raises(error, match=message) as caught:
        find_model(name)
    assert len(caught.value.hint or "") < 400
