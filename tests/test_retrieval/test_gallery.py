import shutil
from dataclasses import replace

import pytest
from test_retrieval.toy_encoder import ToyEncoder

from medx.core import settings
from medx.core.errors import IndexMismatchError, InputError, UnknownNameError
from medx.datasets.catalog import load_dataset
from medx.datasets.phantoms.config import DefectConfig, PhantomConfig
from medx.datasets.synth import synthesise_cxr
from retrieval.build import build_index
from retrieval.config import BuildConfig, GalleryConfig
from retrieval.gallery import open_gallery
from retrieval.search.query import like


@pytest.fixture
def config(two_class):
    return GalleryConfig(dataset=str(two_class), encoder="toy")


def test_missing_index_is_built_and_said(config, capsys):
    gallery = open_gallery(config)
    assert len(gallery.index) == 180
    assert gallery.encoder.fingerprint == gallery.index.description.encoder
    said = capsys.readouterr().err
    assert "no index two-toy yet: building it from 180 synthetic images" in said
    open_gallery(config)
    assert capsys.readouterr().err == ""


def test_index_by_name_or_folder(config, two_class):
    open_gallery(config)
    by_name = open_gallery(GalleryConfig(index="two-toy"))
    by_folder = open_gallery(GalleryConfig(index=str(settings.index_dir() / "two-toy")))
    assert by_name.index.description == by_folder.index.description
    assert by_name.encoder.name == "toy"
    assert by_name.encoder_reason == "auto: index two-toy was built by it"


def test_another_precision_is_refused_though_no_encoder_is_needed(config):
    open_gallery(config)
    with pytest.raises(IndexMismatchError, match="at fp32, not at int8"):
        open_gallery(GalleryConfig(index="two-toy", precision="int8"))


def test_unknown_names(config):
    with pytest.raises(UnknownNameError, match="unknown index") as raised:
        open_gallery(GalleryConfig(index="two-toy"))
    assert "medx retrieve build" in raised.value.hint
    open_gallery(config)
    with pytest.raises(UnknownNameError) as raised:
        open_gallery(GalleryConfig(index="two-toi"))
    assert "did you mean 'two-toy'" in raised.value.hint
    with pytest.raises(UnknownNameError, match="unknown encoder 'toyy'"):
        open_gallery(GalleryConfig(encoder="toyy"))
    with pytest.raises(UnknownNameError, match="unknown dataset"):
        open_gallery(GalleryConfig(dataset="pneumoniamist", encoder="toy"))


def test_folders_without_an_index(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no index") as raised:
        open_gallery(GalleryConfig(index=str(tmp_path / "empty")))
    assert "medx retrieve build" in raised.value.hint
    with pytest.raises(InputError, match="no index folder at"):
        open_gallery(GalleryConfig(index=str(tmp_path / "nowhere")))


def test_named_index_of_another_encoder(config):
    open_gallery(config)
    with pytest.raises(IndexMismatchError, match="built by toy, not by biomedclip") as raised:
        open_gallery(GalleryConfig(index="two-toy", encoder="biomedclip"))
    assert "--encoder toy" in raised.value.hint


def test_same_encoder_with_other_weights(two_class, config):
    index_dir = settings.index_dir() / "two-toy"
    build_index(load_dataset(str(two_class)), ToyEncoder(weights_sha256="1" * 64), index_dir)
    gallery = open_gallery(config)
    with pytest.raises(IndexMismatchError, match="not by toy 0000"):
        _ = gallery.encoder


def test_two_datasets_of_one_name_do_not_answer_for_each_other(config, two_class, tmp_path):
    open_gallery(config)
    other = shutil.copytree(two_class, tmp_path / "elsewhere")
    with pytest.raises(InputError, match="holds another dataset of the same name") as raised:
        open_gallery(GalleryConfig(dataset=str(other), encoder="toy"))
    assert "--name OTHER" in raised.value.hint


def test_a_folder_does_not_answer_from_a_named_dataset_of_its_name(two_class, tmp_path):
    index_dir = settings.index_dir() / "phantom-cxr-toy"
    named = replace(load_dataset(str(two_class)), name="phantom-cxr", location="/cache/two.npz")
    build_index(named, ToyEncoder(), index_dir)
    assert len(open_gallery(GalleryConfig(dataset="phantom-cxr", encoder="toy")).index) == 180
    own = tmp_path / "cxr"
    synthesise_cxr(PhantomConfig(count=4, size=32), DefectConfig(), own)
    with pytest.raises(InputError, match="another dataset of the same name, from phantom-cxr"):
        open_gallery(GalleryConfig(dataset=str(own), encoder="toy"))


@pytest.mark.parametrize("change", ["manifest", "image"])
def test_a_dataset_that_changed_asks_for_a_new_index(two_class, tmp_path, change):
    folder = shutil.copytree(two_class, tmp_path / "two")
    config = GalleryConfig(dataset=str(folder), encoder="toy")
    open_gallery(config)
    if change == "manifest":
        manifest = folder / "manifest.csv"
        manifest.write_text(manifest.read_text().replace(",val,", ",train,"))
    else:
        (folder / "images" / "val-normal-000.png").unlink()
    with pytest.raises(InputError, match=r"two-toy is out of date: .* has changed") as raised:
        open_gallery(config)
    assert "medx retrieve update two-toy;" in raised.value.hint
    assert len(open_gallery(GalleryConfig(index="two-toy")).index) == 180


@pytest.mark.parametrize("part", [{"split": "test"}, {"limit": 7}])
def test_a_part_does_not_pass_for_the_dataset(two_class, config, part):
    index_dir = settings.index_dir() / "two-toy"
    build_index(load_dataset(str(two_class)), ToyEncoder(), index_dir, BuildConfig(**part))
    with pytest.raises(InputError, match="holds only a part") as raised:
        open_gallery(config)
    assert f"medx retrieve build --dataset {two_class} --encoder toy;" in raised.value.hint
    assert len(open_gallery(GalleryConfig(index="two-toy")).index) < 180


def test_hints_name_the_weights_folder(two_class, config, tmp_path):
    built_by, other = ToyEncoder(weights_sha256="1" * 64), ToyEncoder(weights_sha256="2" * 64)
    built_by.weights_folder, other.weights_folder = tmp_path / "one", tmp_path / "two"
    build_index(load_dataset(str(two_class)), built_by, settings.index_dir() / "two-toy")
    gallery = open_gallery(config)
    assert f"--weights {tmp_path / 'one'} --name" in gallery.index.description.build_command()
    with pytest.raises(IndexMismatchError) as raised:
        gallery.index.check_encoder(other)
    assert raised.value.hint.startswith(f"pass --weights {tmp_path / 'one'}, or build it again")
    assert f"--weights {tmp_path / 'two'} --name two-toy" in raised.value.hint


def test_half_written_index_is_named_damaged(config):
    gallery = open_gallery(config)
    (path,) = (settings.index_dir() / gallery.index.name).glob("*.items.parquet")
    path.unlink()
    with pytest.raises(InputError, match=rf"not a whole index: no {path.name}"):
        open_gallery(config)


def test_image_query_takes_ids_and_files(config, two_class, tmp_path):
    gallery = open_gallery(config)
    result = gallery.search(like("test-normal-003"), top_k=3)
    assert result.query not in [hit.id for hit in result.hits]
    path = str(two_class / "images" / "test-normal-003.png")
    result = gallery.search(like(path), top_k=3)
    assert result.duplicates == ("test-normal-003",)


def test_image_queries_that_cannot_be_read(config, tmp_path):
    gallery = open_gallery(config)
    (tmp_path / "words.png").write_text("not an image")
    with pytest.raises(InputError, match="cannot read"):
        gallery.search(like(str(tmp_path / "words.png")))
    with pytest.raises(InputError, match="no such image file"):
        gallery.search(like("missing.png"))
    with pytest.raises(InputError, match="is a folder, not an image"):
        gallery.search(like(str(tmp_path)))
    with pytest.raises(UnknownNameError, match="unknown id") as raised:
        gallery.search(like("test-normal-0033"))
    assert "did you mean 'test-normal-003'" in raised.value.hint
