import shutil
from dataclasses import replace

import numpy as np
import pytest
from test_retrieval.test_store.pictures import dataset_of, picture
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.errors import IndexMismatchError, InputError, UnknownNameError
from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.config import BuildConfig
from retrieval.index.description import load_description
from retrieval.index.gallery_index import GalleryIndex
from retrieval.search.pictures import read_images
from retrieval.store.compact import compact_index
from retrieval.store.images import add_images, update_images
from retrieval.store.info import describe_index
from retrieval.store.merge import merge_indexes
from retrieval.store.remove import remove_images
from retrieval.store.verify import verify_index

ABC = {"a": 1, "b": 2, "c": 3}


class CountingEncoder(ToyEncoder):
    """Counts the images it is shown."""

    seen = 0

    def _embed_image_batch(self, images):
        self.seen += len(images)
        return super()._embed_image_batch(images)


@pytest.fixture
def built(tmp_path, toy):
    """Build an index of pictures below ``tmp_path``."""

    def build(pictures, name="x", **fields):
        build_index(dataset_of(pictures, **fields), toy, tmp_path / name)
        return tmp_path / name

    return build


def ids(index_dir):
    return GalleryIndex.load(index_dir).items.column("id")


def test_an_encoder_that_did_not_make_the_index_changes_nothing(built):
    index_dir = built(ABC)
    other = ToyEncoder(weights_sha256="1" * 64)
    for change in (add_images, lambda d, data, e: update_images(d, [data], e)):
        with pytest.raises(IndexMismatchError, match="was built by toy 0000") as raised:
            change(index_dir, dataset_of({"d": 4}), other)
        assert "medx retrieve build --dataset" in raised.value.hint
    assert ids(index_dir) == ["a", "b", "c"]


def test_known_pictures_are_not_embedded_again(built, tmp_path, monkeypatch):
    index_dir = built(ABC)
    monkeypatch.setenv("MEDX_CACHE_DIR", str(tmp_path / "empty"))  # the index itself knows them
    encoder = CountingEncoder()
    renamed = {"z": 1, "b": 2, "d": 4}
    result = update_images(index_dir, [dataset_of(renamed)], encoder, batch_size=4)
    assert (result.added, result.removed, result.unchanged, result.embedded) == (2, 2, 1, 1)
    assert encoder.seen == 1
    index = GalleryIndex.load(index_dir)
    expected = encoder.embed_images([picture(renamed[i]) for i in index.items.column("id")])
    np.testing.assert_allclose(index.embeddings(), expected, atol=1e-6)


def test_a_new_label_is_taken_over_by_update_alone(built, toy):
    index_dir = built(ABC, label=lambda i: "old")
    relabelled = dataset_of(ABC, label=lambda i: "new" if i == "b" else "old")
    assert add_images(index_dir, relabelled, toy).differing == ("b",)
    result = update_images(index_dir, [relabelled], toy)
    assert (result.relabelled, result.unchanged, result.embedded) == (1, 2, 0)
    index = GalleryIndex.load(index_dir)
    assert index.items.item(index.items.row("b")).label == "new"
    assert load_description(index_dir).generation == 2


def test_nothing_to_do_writes_nothing(built, toy):
    index_dir = built(ABC)
    before = {path.name: path.stat().st_mtime_ns for path in index_dir.glob("*[!k]")}
    add_images(index_dir, dataset_of(ABC), toy)
    update_images(index_dir, [dataset_of(ABC)], toy)
    remove_images(index_dir, ["z"], missing_ok=True)
    compact_index(index_dir)
    assert {path.name: path.stat().st_mtime_ns for path in index_dir.glob("*[!k]")} == before


def test_an_image_that_cannot_be_read_stays_and_is_listed(built, toy):
    index_dir = built(ABC)
    result = update_images(index_dir, [dataset_of({**ABC, "b": None})], toy)
    assert ([s.id for s in result.skipped], result.removed) == (["b"], 0)
    assert ids(index_dir) == ["a", "b", "c"]


def test_a_dataset_that_is_gone_empties_no_index(built, toy):
    index_dir = built(ABC)
    with pytest.raises(InputError, match="no readable image"):
        update_images(index_dir, [dataset_of(dict.fromkeys(ABC))], toy)
    assert ids(index_dir) == ["a", "b", "c"]


def test_ids_of_another_dataset_keep_apart(built, toy):
    index_dir = built(ABC)
    other = dataset_of({"a": 7, "e": 5}, name="other")
    result = add_images(index_dir, other, toy)
    assert (result.added, result.renamed) == (2, ("other/a",))
    assert add_images(index_dir, other, toy).unchanged == 2
    changed = dataset_of({"a": 8}, name="other")
    assert update_images(index_dir, [changed], toy).changed == 1
    assert ids(index_dir) == ["a", "b", "c", "other/a"]
    about = load_description(index_dir)
    assert [origin.name for origin in about.origins] == ["shelf", "other"]
    with pytest.raises(UnknownNameError, match="'third'"):
        update_images(index_dir, [dataset_of(ABC, name="third")], toy)
    with pytest.raises(InputError, match="named twice"):
        update_images(index_dir, [dataset_of({"a": 9})] * 2, toy)


def test_pictures_of_two_datasets_are_read_from_their_own(two_class, three_class, tmp_path, toy):
    three = load_dataset(str(three_class))
    build_index(load_dataset(str(two_class)), toy, tmp_path / "x")
    add_images(tmp_path / "x", three, toy)
    index = GalleryIndex.load(tmp_path / "x")
    shown = read_images(index, ["test-normal-000", "three/test-normal-000", "test-ring-000"])
    np.testing.assert_array_equal(shown[1], three.read(three.find("test-normal-000")).pixels)


def test_a_split_at_a_time(two_class, tmp_path, toy):
    two = load_dataset(str(two_class))
    build_index(two, toy, tmp_path / "x", BuildConfig(split="train"))
    assert add_images(tmp_path / "x", two, toy, split="test").added == 60
    assert load_description(tmp_path / "x").origins[0].split == "train+test"
    assert update_images(tmp_path / "x", [two], toy).unchanged == 120
    assert add_images(tmp_path / "x", two, toy).added == 60
    assert load_description(tmp_path / "x").origins[0].split == "all"


def test_another_dataset_of_the_name_is_refused_unless_it_was_moved(two_class, tmp_path, toy):
    build_index(load_dataset(str(two_class)), toy, tmp_path / "x")
    moved = load_dataset(str(shutil.copytree(two_class, tmp_path / "moved")))
    with pytest.raises(InputError, match="another dataset called two") as raised:
        add_images(tmp_path / "x", moved, toy)
    assert "medx retrieve update" in raised.value.hint
    assert update_images(tmp_path / "x", [moved], toy).unchanged == 180
    assert load_description(tmp_path / "x").dataset_source == str(tmp_path / "moved")


def test_merging(built, toy):
    first, second = built(ABC), built({"c": 3, "d": 4}, name="y")
    other = built({"a": 9, "e": 5}, name="z")
    build_index(dataset_of({"a": 9, "e": 5}, name="other"), toy, other)
    target = first.with_name("all")
    result = merge_indexes([first, second, other], target)
    assert (result.added, result.unchanged, result.renamed) == (6, 1, ("other/a",))
    assert ids(target) == ["a", "b", "c", "d", "other/a", "e"]
    assert verify_index(target).ok
    assert merge_indexes([first, second, other], target).added == 0
    assert ids(first) == ["a", "b", "c"]


def test_merging_keeps_the_first_of_two_states(built, capsys):
    first, second = built(ABC), built({"a": 4, "d": 5}, name="y")
    result = merge_indexes([second], first)
    assert (result.added, result.differing) == (1, ("a",))
    assert "1 image differs from one of the same id (first: a)" in capsys.readouterr().err
    index = GalleryIndex.load(first)
    expected = ToyEncoder().embed_images([picture(1)])
    np.testing.assert_allclose(index.embeddings(np.array([0])), expected, atol=1e-6)


def test_vectors_of_two_encoders_do_not_merge(built, tmp_path):
    first = built(ABC)
    build_index(dataset_of({"d": 4}), ToyEncoder(weights_sha256="1" * 64), tmp_path / "y")
    with pytest.raises(IndexMismatchError, match="cannot be compared") as raised:
        merge_indexes([first, tmp_path / "y"], tmp_path / "all")
    assert "--encoder toy --name y" in raised.value.hint
    assert not (tmp_path / "all").exists()


def test_removing_all_and_adding_again(built, toy):
    index_dir = built(ABC)
    assert remove_images(index_dir, list(ABC)).count == 0
    with pytest.raises(InputError, match="0 images"):
        GalleryIndex.load(index_dir).search(np.ones((1, 9)), 1)
    compact_index(index_dir)
    assert verify_index(index_dir).ok
    assert add_images(index_dir, dataset_of(ABC), toy).added == 3


def test_an_unknown_id_removes_nothing(built):
    index_dir = built(ABC)
    with pytest.raises(UnknownNameError, match="'bb'"):
        remove_images(index_dir, ["a", "bb"])
    assert ids(index_dir) == ["a", "b", "c"]


def test_extra_columns_of_segments_can_differ(built, toy):
    index_dir = built(ABC)
    plain = dataset_of({**ABC, "d": 4, "e": 5})
    ages = {"d": "70", "e": "30"}
    records = tuple(
        replace(r, extra={"age": ages[r.id], "dataset": "own"} if r.id in ages else {})
        for r in plain.records
    )
    add_images(index_dir, replace(plain, records=records), toy)
    index = GalleryIndex.load(index_dir)
    found = index.search(np.ones((1, 9)), 1, where="age > 60")
    assert index.hits(found)[0].id == "d"
    assert index.search(np.ones((1, 9)), 3, where="age is null").rows.max() == 2
    assert index.items.item(4).extra == {"age": "30", "manifest_dataset": "own"}
    assert {"age", "manifest_dataset"} < set(describe_index(index_dir).columns)
    assert add_images(index_dir, replace(plain, records=records), toy).differing == ()


def test_info_advises_to_compact(built, toy):
    index_dir = built({f"i{n}": n for n in range(10)})
    assert describe_index(index_dir).advice is None
    remove_images(index_dir, ["i1", "i2", "i3"])
    about = describe_index(index_dir)
    assert "3 removed images: medx retrieve compact" in about.advice
    compact_index(index_dir)
    after = describe_index(index_dir)
    assert after.advice is None
    assert after.megabytes < about.megabytes
