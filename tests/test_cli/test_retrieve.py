import inspect
import json
import subprocess
import sys
from dataclasses import fields

import pytest
import yaml
from conftest import write_dataset
from PIL import Image as PILImage

from medx.cli import retrieve, retrieve_evaluate
from medx.core import settings
from medx.core.registry import Entry
from retrieval.config import BuildConfig, EvaluateConfig, GalleryConfig, SearchConfig
from retrieval.encoders import ENCODERS

ENCODERS.register(
    "toy", Entry("test_retrieval.toy_encoder:ToyEncoder", "mean grey value of each ninth")
)

#: What a search with `compact` must not cost.
HEAVY = ["torch", "open_clip", "transformers", "sklearn", "matplotlib", "pandas", "scipy"]


@pytest.fixture
def toy(cli, two_class):
    """Run a retrieve command on the two-class dataset with the toy encoder."""

    def run(command, *args):
        return cli("retrieve", command, *args, "--dataset", two_class, "--encoder", "toy")

    return run


def test_build_says_what_it_made(toy):
    result = toy("build", "--json").json
    assert (result["index"], result["count"], result["skipped"]) == ("two-toy", 180, [])
    assert result["synthetic"] is True
    line = toy("build").stdout
    assert "index two-toy: 180 synthetic images of two by toy" in line


def test_first_text_search_builds_the_index(toy):
    first = toy("text-search", "pneumonia")
    assert first.exit_code == 0
    assert "no index two-toy yet: building it from 180 synthetic images" in first.stderr
    assert "among 180 SYNTHETIC images of two (encoder toy)" in first.stdout
    assert first.stdout.count("pneumonia") > 10
    second = toy("text-search", "pneumonia")
    assert second.stderr == ""
    assert second.stdout == first.stdout


def test_text_search_as_json(toy):
    answer = toy("text-search", "normal", "--top-k", 3, "--split", "test", "--json").json
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3]
    assert {(hit["label"], hit["split"]) for hit in answer["hits"]} == {("normal", "test")}
    assert (answer["encoder"], answer["dataset"], answer["synthetic"]) == ("toy", "two", True)
    assert (answer["warning"], answer["schema_version"]) == (None, 2)


def test_words_never_learned_are_warned_of(toy):
    asked = toy("text-search", "lorem ipsum", "--json")
    assert "warning: the encoder never learned 'lorem', 'ipsum'" in asked.stderr
    assert asked.json["unknown_words"] == ["lorem", "ipsum"]
    assert "do not answer the query" in asked.json["warning"]
    assert "warning: the encoder never learned" in toy("text-search", "lorem ipsum").stdout


def test_image_search_by_id_and_by_file(toy, two_class, tmp_path):
    by_id = toy("image-search", "test-normal-001", "--top-k", 5, "--json").json
    assert "test-normal-001" not in [hit["id"] for hit in by_id["hits"]]
    path = two_class / "images" / "test-normal-001.png"
    by_file = toy("image-search", path, "--top-k", 5, "--json").json
    assert by_file["hits"][0]["id"] == "test-normal-001"
    assert by_file["duplicates"] == ["test-normal-001"]
    assert "= query's pixels" in toy("image-search", path).stdout


@pytest.mark.parametrize("command", ["text-search", "image-search"])
def test_figure_of_the_hits(toy, tmp_path, command):
    query = {"text-search": "normal", "image-search": "test-normal-001"}[command]
    figure = tmp_path / "deep" / "hits.png"
    result = toy(command, query, "--figure", figure)
    assert result.exit_code == 0
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert f"wrote {figure}" in result.stderr


def test_evaluate_leaves_a_run(toy):
    result = toy("evaluate", "--name", "first", "--json")
    run_dir = settings.output_dir() / "retrieve" / "evaluate" / "first"
    assert result.json == json.loads((run_dir / "metrics.json").read_text())
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    assert (config["index"], config["split"], config["top_ks"]) == ("two-toy", "test", [1, 5, 10])
    assert (run_dir / "figures" / "precision_at_k.png").is_file()
    again = toy("evaluate", "--name", "first")
    assert again.exit_code == 1
    assert "already holds a run" in again.stderr


def test_evaluate_shows_chance_and_interval(toy):
    table = toy("evaluate", "--top-k", 1, "--top-k", 3).stdout
    for words in ("leave-one-out", "train-gallery", "class-prompts", "chance", "95 % interval"):
        assert words in table
    assert "SYNTHETIC two" in table
    assert "P@3" in table
    assert "AP" in table
    assert "P@5" not in table
    assert "test split of two evaluated once so far with this encoder" in table


def test_list_shows_encoders_and_indexes(toy, cli):
    toy("build")
    (settings.index_dir() / "broken").mkdir()
    (settings.index_dir() / "broken" / "index.json").write_text("{")
    listing = cli("retrieve", "list", "--json").json
    assert {"biomedclip", "compact"} <= {encoder["name"] for encoder in listing["encoders"]}
    indexes = {index["name"]: index for index in listing["indexes"]}
    assert indexes["two-toy"]["splits"] == {"train": 60, "val": 60, "test": 60}
    assert "damaged" in indexes["broken"]["problem"]
    table = cli("retrieve", "list").stdout
    assert "two (synthetic)" in table
    assert "damaged" in table.partition("problem")[2]


def test_no_name_in_a_list_is_cut(cli, two_class):
    name = "chest-" * 20
    built = cli("retrieve", "build", "--dataset", two_class, "--encoder", "toy", "--name", name)
    assert built.exit_code == 0
    listed = cli("retrieve", "list").stdout
    assert "…" not in listed.partition("indexes in")[2]
    assert "problem" not in listed


def test_list_without_indexes(cli, tmp_path, monkeypatch):
    assert "no index in" in cli("retrieve", "list").stdout
    (tmp_path / "file").touch()
    monkeypatch.setenv("MEDX_INDEX_DIR", str(tmp_path / "file"))
    result = cli("retrieve", "list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "file is no folder" in result.stderr


def test_list_names_an_index_that_cannot_be_read(toy, cli):
    (settings.index_dir() / "other" / "index.json").mkdir(parents=True)
    toy("build")
    listing = cli("retrieve", "list", "--json").json["indexes"]
    assert {index["name"]: bool(index["problem"]) for index in listing} == {
        "other": True,
        "two-toy": False,
    }


@pytest.mark.parametrize(
    ("args", "error", "hint"),
    [
        (("text-search", "normal", "--split", "tst"), "unknown split", "'test'"),
        (("text-search", "  "), "nothing to search for", ""),
        (("image-search", "test-normal-01"), "unknown id", "did you mean 'test-normal-0"),
        (("image-search", "no/such.png"), "no such image file", "check the path"),
        (("evaluate", "--split", "trian"), "unknown split", "did you mean 'train'"),
        (("evaluate", "--top-k", 60), "more than the 59", "--top-k 59 or less"),
        (("build", "--name", "."), "cannot name an index", "letters"),
    ],
)
def test_bad_input(toy, args, error, hint):
    result = toy(*args)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: {error}" in result.stderr or error in result.stderr
    assert hint in result.stderr.replace("hint: ", "")


def test_names_that_do_not_exist(cli, two_class):
    encoder = cli("retrieve", "build", "--dataset", two_class, "--encoder", "compct")
    assert "unknown encoder 'compct'" in encoder.stderr
    assert "did you mean 'compact'" in encoder.stderr
    index = cli("retrieve", "text-search", "normal", "--index", "nothing")
    assert "unknown index 'nothing'" in index.stderr
    assert "medx retrieve build" in index.stderr
    dataset = cli("retrieve", "build", "--dataset", "phantom-cxx")
    assert "did you mean 'phantom-cxr'" in dataset.stderr
    assert "or the path of a folder with a manifest.csv" in dataset.stderr
    place = cli("retrieve", "build", "--dataset", "pneumoniamnist", "--data-dir", "nowhere")
    assert "no such folder: nowhere" in place.stderr


def test_a_data_folder_that_is_not_there_is_told(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDX_DATA_DIR", str(tmp_path / "nowhere"))
    result = cli("retrieve", "text-search", "normal", "--encoder", "compct")
    assert "unknown encoder" in result.stderr
    result = cli("retrieve", "text-search", "normal", "--encoder", "classifier:no")
    assert f"MEDX_DATA_DIR names {tmp_path / 'nowhere'}, which is no folder" in result.stderr


def test_images_without_splits_say_how_to_go_on(cli, tmp_path):
    folder = write_dataset(tmp_path / "unsplit", {"normal": 4, "ring": 4})
    manifest = folder / "manifest.csv"
    for split in ("train", "val", "test"):
        manifest.write_text(manifest.read_text().replace(f",{split},", ",,"))
    options = ("--dataset", folder, "--encoder", "toy")
    for command in (["evaluate"], ["build", "--split", "val"]):
        result = cli("retrieve", *command, *options)
        assert result.exit_code == 1
        assert "unknown split of" in result.stderr
        assert "none of its images has a split: `medx data split` makes them" in result.stderr
    query = ("image-search", "train-normal-000", "--vote", "--vote-check", "--top-k", 3)
    result = cli("retrieve", *query, *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "holds no image of val or train" in result.stderr


def test_an_encoder_that_cannot_be_loaded_promises_no_index(cli, two_class):
    result = cli(
        "retrieve", "text-search", "normal", "--dataset", two_class, "--encoder", "classifier:no"
    )
    assert result.exit_code == 1
    assert "no is not a run folder" in result.stderr
    assert "hint: name a run below" in result.stderr
    assert "building it" not in result.stderr


def test_query_images_without_content_are_warned_of(toy, tmp_path):
    PILImage.new("L", (600, 7)).save(tmp_path / "wide.png")
    PILImage.new("L", (64, 64), 7).save(tmp_path / "blank.png")
    wide = toy("image-search", tmp_path / "wide.png", "--json")
    assert wide.json["warning"] == "the query image has 600 × 7 px: its hits mean nothing"
    assert f"warning: {wide.json['warning']}" in wide.stderr
    table = toy("image-search", tmp_path / "blank.png")
    assert "warning: the query image is blank" in table.stdout
    assert "warning" not in table.stderr


def test_files_that_are_not_images(toy, tmp_path):
    (tmp_path / "words.png").write_text("hello")
    (tmp_path / "half.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    for name in ("words.png", "half.png"):
        result = toy("image-search", tmp_path / name)
        assert result.exit_code == 1
        assert "as an image" in result.stderr
        assert "hint:" in result.stderr


def test_index_of_another_encoder(toy, cli):
    toy("build")
    result = cli("retrieve", "text-search", "normal", "--index", "two-toy", "--encoder", "compact")
    assert result.exit_code == 1
    assert "built by toy, not by compact" in result.stderr
    assert "medx retrieve build" in result.stderr


def test_empty_and_half_written_index_folders(toy, cli, tmp_path):
    (tmp_path / "empty").mkdir()
    result = cli("retrieve", "text-search", "normal", "--index", tmp_path / "empty")
    assert "holds no index" in result.stderr
    toy("build")
    (vectors,) = (settings.index_dir() / "two-toy").glob("*.vectors.faiss")
    vectors.write_bytes(vectors.read_bytes()[:100])
    result = toy("text-search", "normal")
    assert result.exit_code == 1
    assert "damaged" in result.stderr
    assert toy("build").exit_code == 0
    assert toy("text-search", "normal").exit_code == 0


def test_dataset_folder_that_is_empty(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    result = cli("retrieve", "build", "--dataset", tmp_path / "empty", "--encoder", "toy")
    assert result.exit_code == 1
    assert "no manifest.csv" in result.stderr
    assert "hint: make one of its images: medx data import " in result.stderr


def test_search_with_compact_imports_nothing_heavy(cli, two_class, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-hub"))
    built = cli("retrieve", "build", "--dataset", two_class, "--encoder", "compact")
    assert built.exit_code == 0
    code = (
        "import atexit, sys\nfrom medx.cli import main\n"
        f"atexit.register(lambda: print('heavy:', [n for n in {HEAVY} if n in sys.modules]))\n"
        f"main(['retrieve', 'text-search', 'consolidation', '--dataset', {str(two_class)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "SYNTHETIC images of two (encoder compact)" in done.stdout
    assert "heavy: []" in done.stdout
    assert "auto: BiomedCLIP's weights are not on this machine" in done.stderr


@pytest.mark.parametrize(
    ("command", "configs"),
    [
        (retrieve.build, [BuildConfig]),
        (retrieve.text_search, [GalleryConfig, SearchConfig]),
        (retrieve.image_search, [GalleryConfig, SearchConfig]),
        (retrieve.search, [GalleryConfig, SearchConfig]),
        (retrieve.evaluate, [GalleryConfig]),
    ],
)
def test_options_agree_with_the_settings(command, configs):
    options = inspect.signature(command).parameters
    meaningless = {"text_search": {"allow_url"}, "image_search": {"ensemble"}}
    called = {"memory_bytes": "memory"}  # typed as 2GB
    for config in configs:
        for setting in fields(config):
            if setting.name in meaningless.get(command.__name__, ()):
                continue
            default = options[called.get(setting.name, setting.name)].default
            assert getattr(default, "value", default) == setting.default


def test_evaluate_defaults_are_the_settings():
    assert retrieve_evaluate.settle_top_ks(None) == EvaluateConfig.top_ks
    assert retrieve_evaluate.settle_top_ks([5, 1, 5]) == (1, 5)
