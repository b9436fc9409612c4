from dataclasses import replace

import pytest
from conftest import write_dataset

from classify.config import TrainConfig
from classify.recipe import list_recipes, load_recipe, recipe_names
from classify.recipe_choice import choose_recipe
from medx.core.errors import InputError, UnknownNameError
from medx.datasets.manifest_files import load_manifest


def test_small_scratch_is_the_defaults():
    assert load_recipe("small-scratch").config() == TrainConfig()


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_described_and_can_be_trained_with(name):
    recipe = load_recipe(name)
    assert recipe.description.endswith(".")
    assert recipe.config().recipe == name
    assert recipe in list_recipes().recipes


def test_a_file_is_a_recipe_too(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("description: Mine.\nepochs: 3\nlearning_rate: 1e-3\n")
    assert load_recipe(str(path)).config() == TrainConfig(
        recipe="mine", epochs=3, learning_rate=1e-3
    )


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("epoch: 3", UnknownNameError, "unknown setting in the recipe bad 'epoch'"),
        ("epochs: 0", InputError, "epochs must be an integer >= 1"),
        ("pretrained: maybe", InputError, "pretrained must be true or false"),
        ("- 1", InputError, "must hold name: value lines"),
        ("{", InputError, "cannot read the recipe"),
        (None, InputError, "cannot read the recipe"),
    ],
)
def test_a_bad_file_is_a_clear_error(tmp_path, text, kind, said):
    path = tmp_path / "bad.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(kind, match=said):
        load_recipe(str(path))


def test_an_unknown_name_gets_a_near_one():
    with pytest.raises(UnknownNameError, match="unknown recipe 'bset'") as caught:
        load_recipe("bset")
    assert "did you mean 'best'" in caught.value.hint


def test_small_images_are_trained_on_from_scratch(two_class):
    chosen = choose_recipe(load_manifest(two_class), {})
    assert (chosen.recipe, chosen.recipe_reason) == ("small-scratch", "images of 28 px")
    assert replace(chosen, recipe_reason=None) == TrainConfig()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "large"
    return load_manifest(write_dataset(folder, {"a": 2, "b": 2}, size=80))


def test_large_images_without_weights_are_shrunk_and_it_is_said(large, capfd):
    chosen = choose_recipe(large, {})
    assert chosen.recipe == "small-scratch"
    said = capfd.readouterr().err
    for words in ("images of 80 px", "no pretrained weights", "shrunk to 64 px"):
        assert words in chosen.recipe_reason
        assert words in said


def test_large_images_with_weights_are_fine_tuned(large, tmp_path):
    (tmp_path / "w.safetensors").touch()
    assert choose_recipe(large, {"weights": str(tmp_path / "w.safetensors")}).recipe == "transfer"
    scratch = choose_recipe(large, {"pretrained": False, "model": "resnet18"})
    assert scratch.recipe == "small-scratch"
    assert "from scratch" in scratch.recipe_reason


def test_the_recipe_that_is_named_is_taken(large):
    chosen = choose_recipe(large, {"recipe": "best"})
    assert chosen == load_recipe("best").config()
