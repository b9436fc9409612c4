import json

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.errors import IndexMismatchError, InputError, UnknownNameError
from retrieval.encoders.base import Fingerprint, normalize
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items


def make_index(count, dim=8, seed=0, name="random"):
    rng = np.random.default_rng(seed)
    splits = ("train", "val", "test")
    rows = [
        Item(id=f"i{i}", content_hash=f"h{i}", path=f"{i}.png", split=splits[i % 3], label="a|b")
        for i in range(count)
    ]
    fingerprint = Fingerprint(name="toy", weights_sha256="0" * 64, preprocessing="", dim=dim)
    items = Items.from_items(rows)
    description = IndexDescription(
        name=name, encoder=fingerprint, count=count, dataset="d", dataset_source="d",
        splits=items.splits,
    )  # fmt: skip
    return GalleryIndex.from_embeddings(rng.normal(size=(count, dim)), items, description)


def file_of(folder, part):
    """The one file of an index whose name ends like this."""
    (path,) = folder.glob(f"*{part}")
    return path


def brute_force(index, queries, allowed):
    """Similarities of the allowed rows, the others at minus infinity."""
    similarities = normalize(queries) @ index.embeddings().T
    similarities[:, ~allowed] = -np.inf
    return similarities


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 90),
    queries=st.integers(1, 300),
    top_k=st.integers(1, 20),
    split=st.sampled_from(["all", "train", "test"]),
    seed=st.integers(0, 9),
)
def test_faiss_agrees_with_brute_force(count, queries, top_k, split, seed):
    index = make_index(count, seed=seed)
    allowed = np.array([split in ("all", s) for s in index.items.column("split")])
    assume(allowed.sum() >= top_k)
    asked = np.random.default_rng(seed + 1).normal(size=(queries, 8)).astype(np.float32)
    found = index.search(asked, top_k, split=split)
    expected = brute_force(index, asked, allowed)
    best = -np.sort(-expected, axis=1)[:, :top_k]
    np.testing.assert_allclose(found.similarities, best, atol=1e-5)
    taken = np.take_along_axis(expected, found.rows, axis=1)
    np.testing.assert_allclose(found.similarities, taken, atol=1e-5)
    assert all(len(set(row)) == top_k for row in found.rows)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(3, 60), top_k=st.integers(1, 10), seed=st.integers(0, 9), data=st.data())
def test_excluded_ids_never_come_back(count, top_k, seed, data):
    index = make_index(count, seed=seed)
    ids = index.items.column("id")
    banned = [data.draw(st.sets(st.sampled_from(ids), max_size=count // 2)) for _ in range(3)]
    assume(count - max(map(len, banned)) >= top_k)
    asked = index.embeddings(np.array([0, 1, 2]))
    found = index.search(asked, top_k, exclude_ids=banned)
    for query, refused in enumerate(banned):
        allowed = np.array([name not in refused for name in ids])
        expected = -np.sort(-brute_force(index, asked[query : query + 1], allowed))[0, :top_k]
        np.testing.assert_allclose(found.similarities[query], expected, atol=1e-5)


def test_scaling_a_query_changes_nothing(shelf):
    index = shelf.keep(make_index(30))
    query = np.ones((1, 8), np.float32)
    np.testing.assert_array_equal(index.search(query, 5).rows, index.search(query * 1e4, 5).rows)


def test_equal_images_come_in_row_order(shelf):
    index = make_index(6)
    same = shelf.keep(GalleryIndex.from_embeddings(np.ones((6, 8)), index.items, index.description))
    assert same.search(np.ones((1, 8)), 4).rows.tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("restriction", [{}, {"split": "train"}, {"exclude_ids": [["i3"]] * 40}])
@pytest.mark.parametrize(("copies", "top_k"), [(3, 4), (400, 50)])
def test_an_answer_does_not_depend_on_what_is_asked_beside_it(restriction, copies, top_k):
    rng = np.random.default_rng(1)
    vectors = normalize(rng.normal(size=(900, 67)))
    vectors[rng.permutation(900)[:copies]] = vectors[0]
    splits = ("train", "test")
    items = Items.from_items(
        [Item(id=f"i{i}", content_hash="", path="", split=splits[i % 2]) for i in range(900)]
    )
    about = make_index(1, dim=67).description
    description = about.model_copy(update={"count": 900, "splits": items.splits})
    index = GalleryIndex.from_embeddings(vectors, items, description)
    queries = normalize(vectors[:1] + 0.02 * rng.normal(size=(40, 67)))
    together = index.search(queries, top_k, **restriction)
    alone = restriction | ({"exclude_ids": [["i3"]]} if "exclude_ids" in restriction else {})
    for number in range(40):
        single = index.search(queries[number : number + 1], top_k, **alone)
        assert np.array_equal(single.rows[0], together.rows[number])
        assert np.array_equal(single.similarities[0], together.similarities[number])


def test_what_is_saved_is_what_is_loaded(tmp_path):
    index = make_index(25)
    index.save(tmp_path / "x")
    loaded = GalleryIndex.load(tmp_path / "x")
    assert loaded.name == "x"  # a copy in another folder is another index
    assert "--name x" in loaded.description.build_command()
    written = {"name", "segments", "generation", "changed"}
    assert loaded.description.model_dump(exclude=written) == index.description.model_dump(
        exclude=written
    )
    assert loaded.items.item(7) == index.items.item(7)
    np.testing.assert_array_equal(loaded.embeddings(), index.embeddings())
    query = index.embeddings(np.array([3]))
    np.testing.assert_array_equal(loaded.search(query, 5).rows, index.search(query, 5).rows)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


def test_hits_carry_what_is_known(shelf):
    index = shelf.keep(make_index(9))
    hits = index.hits(index.search(index.embeddings(np.array([4])), 2))
    assert (hits[0].rank, hits[0].id, hits[0].path, hits[0].label) == (1, "i4", "4.png", "a|b")
    assert hits[0].similarity == pytest.approx(1.0)
    assert hits[0].similarity <= 1.0
    assert hits[1].rank == 2


def test_more_hits_than_images_is_an_error(shelf):
    index = shelf.keep(make_index(9))
    query = index.embeddings(np.array([0]))
    with pytest.raises(InputError, match="top_k 10 is more than the 9 images") as raised:
        index.search(query, 10)
    assert raised.value.hint == "use --top-k 9 or less"
    with pytest.raises(InputError, match="the 3 images of split val"):
        index.search(query, 4, split="val")
    with pytest.raises(InputError, match="the 8 images"):
        index.search(query, 9, exclude_ids=[["i0"]])


def test_unknown_split_is_an_error(shelf):
    with pytest.raises(UnknownNameError, match="'tset'") as raised:
        shelf.keep(make_index(9)).search(np.ones((1, 8)), 1, split="tset")
    assert "did you mean 'test'" in raised.value.hint


def test_rows_are_counted_as_a_search_looks_among_them(shelf):
    index = shelf.keep(make_index(9))
    assert (index.count(), index.count("val")) == (9, 3)
    assert index.count(where="id in ('i1', 'i2', 'i4')") == 3
    assert index.count("val", "id in ('i1', 'i2', 'i4')") == 2
    assert index.count(among=["i1", "gone"]) == 1
    assert index.count("val", "id != 'i4'", among=["i1", "i2", "i4"]) == 1
    assert index.subset(np.array([1, 2, 7])).count("val") == 2
    with pytest.raises(UnknownNameError, match="unknown split of the index 'tset'"):
        index.count("tset")


def test_caller_mistakes_are_value_errors(shelf):
    index = shelf.keep(make_index(9))
    with pytest.raises(ValueError, match="top_k must be >= 1, got 0"):
        index.search(np.ones((1, 8)), 0)
    with pytest.raises(ValueError, match=r"embeddings must be \(Q, 8\)"):
        index.search(np.ones((1, 7)), 1)
    with pytest.raises(ValueError, match="finite"):
        index.search(np.full((1, 8), np.nan), 1)
    with pytest.raises(ValueError, match="unique"):
        Items.from_items([Item(id="a", content_hash="", path="")] * 2)


def test_another_encoder_is_refused(toy_index):
    toy_index.check_encoder(ToyEncoder())
    with pytest.raises(IndexMismatchError, match="was built by toy 0000") as raised:
        toy_index.check_encoder(ToyEncoder(weights_sha256="1" * 64))
    assert "medx retrieve build --dataset" in raised.value.hint


@pytest.mark.parametrize("part", ["vectors.faiss", "items.parquet", "index.json"])
def test_missing_files_are_named(tmp_path, part):
    make_index(5).save(tmp_path / "x")
    path = file_of(tmp_path / "x", part)
    path.unlink()
    with pytest.raises(InputError, match=f"no {path.name} in it") as raised:
        GalleryIndex.load(tmp_path / "x")
    assert "medx retrieve build" in raised.value.hint


@pytest.mark.parametrize("part", ["vectors.faiss", "items.parquet", "index.json"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_truncated_files_are_damaged(tmp_path, part, keep):
    make_index(50).save(tmp_path / "x")
    path = file_of(tmp_path / "x", part)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match="damaged"):
        GalleryIndex.load(tmp_path / "x")


def test_parts_of_two_indexes_do_not_mix(tmp_path):
    make_index(5).save(tmp_path / "x")
    make_index(6).save(tmp_path / "y")
    file_of(tmp_path / "y", "vectors.faiss").replace(file_of(tmp_path / "x", "vectors.faiss"))
    with pytest.raises(InputError, match="damaged: "):
        GalleryIndex.load(tmp_path / "x")


def test_another_kind_of_faiss_index_is_refused(tmp_path):
    make_index(5).save(tmp_path / "x")
    other = faiss.IndexFlatL2(8)
    other.add(np.ones((5, 8), np.float32))
    faiss.write_index(other, str(file_of(tmp_path / "x", "vectors.faiss")))
    with pytest.raises(InputError, match="not a flat inner-product index"):
        GalleryIndex.load(tmp_path / "x")


def test_description_of_a_later_kind_is_refused(tmp_path):
    make_index(5).save(tmp_path / "x")
    path = tmp_path / "x" / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "kind": "hologram"}))
    with pytest.raises(InputError, match="damaged: kind"):
        GalleryIndex.load(tmp_path / "x")


def test_folders_of_something_else_are_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"holds other files \(thesis.txt\)"):
        make_index(5).save(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        make_index(5).save(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_half_written_index_can_be_replaced(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "segment-0123456789ab.vectors.faiss").write_bytes(b"half")
    (tmp_path / "x" / "index.faiss").write_bytes(b"of an earlier medx")
    make_index(5).save(tmp_path / "x")
    assert len(GalleryIndex.load(tmp_path / "x")) == 5
    assert len(list((tmp_path / "x").glob("*.faiss"))) == 1


def test_subset_holds_the_chosen_rows(shelf):
    index = shelf.keep(make_index(9))
    part = index.subset(np.array([5, 2]))
    assert part.items.column("id") == ["i5", "i2"]
    np.testing.assert_array_equal(part.embeddings(), index.embeddings(np.array([5, 2])))


def test_unknown_ids_get_near_ones_but_not_all(shelf):
    with pytest.raises(UnknownNameError) as raised:
        shelf.keep(make_index(500)).items.row("i49x")
    assert "did you mean 'i49'" in raised.value.hint
    assert len(raised.value.hint) < 120


@pytest.mark.parametrize("name", ["../../evil", "segment-000000000000/../x"])
def test_no_index_leads_a_change_out_of_its_folder(tmp_path, name):
    index = make_index(4)
    index.save(tmp_path / "random")
    path = tmp_path / "random" / "index.json"
    about = json.loads(path.read_text())
    about["segments"][0]["name"] = name
    path.write_text(json.dumps(about))
    with pytest.raises(InputError, match=r"damaged: segments\.0\.name"):
        GalleryIndex.load(tmp_path / "random")


def test_the_command_that_builds_again_can_be_typed(tmp_path):
    description = make_index(4).description.model_copy(
        update={
            "encoder": Fingerprint(
                name="adapted:my run; x",
                weights_sha256="",
                preprocessing="",
                dim=8,
                precision="int8",
            )
        }
    )
    assert "--encoder 'adapted:my run; x' --precision int8 --name" in description.build_command()


@pytest.mark.parametrize("column", ["id", "split", "label", "group"])
def test_columns_that_hold_no_texts_are_damage(tmp_path, column):
    index = make_index(4)
    index.save(tmp_path / "x")
    path = file_of(tmp_path / "x", ".items.parquet")
    table = pq.read_table(path)
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(range(4))), path)
    with pytest.raises(InputError, match=f"{column!r} holds no texts") as raised:
        GalleryIndex.load(tmp_path / "x")
    assert "build it again" in raised.value.hint
