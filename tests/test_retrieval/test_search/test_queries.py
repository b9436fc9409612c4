import numpy as np
import pytest

from medx.core.errors import IndexMismatchError, InputError, UnknownNameError
from medx.core.images import read_image
from retrieval.search.queries import id_search, image_search, text_search


def test_words_find_their_images(toy_index, toy):
    result = text_search(toy_index, toy, "pneumonia", top_k=20)
    assert {hit.label for hit in result.hits} == {"pneumonia"}
    assert [hit.rank for hit in result.hits] == list(range(1, 21))
    falling = [hit.similarity for hit in result.hits]
    assert falling == sorted(falling, reverse=True)
    assert result.warning is None
    assert (result.encoder, result.dataset, result.synthetic) == ("toy", "two", True)


def test_unknown_words_are_said(toy_index, toy):
    result = text_search(toy_index, toy, "pneumonia of nothingness")
    assert result.unknown_words == ("of", "nothingness")
    assert "only the other words count" in result.warning
    result = text_search(toy_index, toy, "lorem ipsum")
    assert "do not answer the query" in result.warning
    assert len(result.hits) == 10


def test_split_narrows_the_gallery(toy_index, toy):
    result = text_search(toy_index, toy, "normal", top_k=15, split="val")
    assert {hit.split for hit in result.hits} == {"val"}
    assert result.split == "val"


def test_an_indexed_image_never_finds_itself(toy_index):
    for record_id in toy_index.items.column("id")[::20]:
        result = id_search(toy_index, record_id, top_k=179)
        assert record_id not in [hit.id for hit in result.hits]
        assert len(result.hits) == 179


def test_a_file_finds_its_own_picture_and_says_so(toy_index, toy, two_class):
    item = toy_index.items.item(5)
    pixels = read_image(two_class / item.path).pixels
    result = image_search(toy_index, toy, pixels, name="mine.png", top_k=3)
    assert result.hits[0].id == item.id
    assert result.duplicates == (item.id,)
    assert result.hits[0].similarity == pytest.approx(1.0)
    excluded = image_search(toy_index, toy, pixels, top_k=3, exclude_ids=[item.id])
    assert item.id not in [hit.id for hit in excluded.hits]
    assert excluded.duplicates == ()


def test_id_and_pixels_agree(toy_index, toy, two_class):
    item = toy_index.items.item(130)
    pixels = read_image(two_class / item.path).pixels
    by_pixels = image_search(toy_index, toy, pixels, exclude_ids=[item.id])
    by_id = id_search(toy_index, item.id)
    assert [hit.id for hit in by_id.hits] == [hit.id for hit in by_pixels.hits]


def test_more_than_there_is_gives_all_and_says_so(toy_index, toy):
    itself = toy_index.items.column("id")[0]
    others = id_search(toy_index, itself, top_k=180)
    assert sorted([itself, *(hit.id for hit in others.hits)]) == sorted(
        toy_index.items.column("id")
    )
    found = text_search(toy_index, toy, "normal", top_k=61, split="test")
    exact = text_search(toy_index, toy, "normal", top_k=60, split="test")
    assert (found.hits, exact.notes) == (exact.hits, ())
    assert found.notes == ("60 of the 61 hits asked for: no other image among 60 can be one",)


def test_nothing_to_find(toy_index, toy):
    lone = toy_index.subset(np.arange(1))
    with pytest.raises(InputError, match="no other image"):
        id_search(lone, lone.items.column("id")[0])


def test_own_id_counts_only_in_its_split(toy_index):
    train_id = toy_index.items.column("id")[0]
    assert len(id_search(toy_index, train_id, top_k=60, split="test").hits) == 60


def test_unknown_id(toy_index):
    with pytest.raises(UnknownNameError, match="unknown id") as raised:
        id_search(toy_index, "train-normal-0000")
    assert "did you mean" in raised.value.hint


def test_another_encoder_is_refused(toy_index):
    from test_retrieval.toy_encoder import ToyEncoder

    other = ToyEncoder(weights_sha256="f" * 64)
    with pytest.raises(IndexMismatchError):
        text_search(toy_index, other, "normal")
    with pytest.raises(IndexMismatchError):
        image_search(toy_index, other, np.zeros((28, 28), np.uint8))
