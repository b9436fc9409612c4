import shutil

import numpy as np
import pytest

from medx.core.images import read_image
from medx.datasets.manifest_files import load_manifest
from retrieval.build import build_index
from retrieval.config import EvaluateConfig
from retrieval.encoders.base import normalize
from retrieval.evaluation.evaluate import evaluate_index, save_evaluation
from retrieval.index.gallery_index import GalleryIndex


@pytest.fixture
def confused(two_class, toy, tmp_path):
    """A copy of the dataset, and an index of it whose embeddings say nothing."""
    folder = shutil.copytree(two_class, tmp_path / "copy")
    build_index(load_manifest(folder), toy, tmp_path / "x")
    index = GalleryIndex.load(tmp_path / "x")
    random = np.random.default_rng(0).normal(size=(len(index), 9)).astype(np.float32)
    description = index.description.model_copy(update={"segments": ()})
    return folder, GalleryIndex.from_embeddings(random, index.items, description)


def test_the_most_similar_wrong_neighbours_stand_first(confused, toy):
    _, index = confused
    result = evaluate_index(index, toy, EvaluateConfig(errors=5, top_ks=(1,))).protocols[0]
    rows = index.items.split_rows("test")
    vectors = normalize(index.embeddings(rows))
    labels = np.array(index.items.column("label"))[rows]
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -2)
    nearest, best = similar.argmax(axis=1), similar.max(axis=1)
    wrong = labels[nearest] != labels
    expected = np.sort(best[wrong])[::-1][:5]
    found = [pair.similarity for pair in result.wrong_neighbours]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for pair in result.wrong_neighbours:
        assert pair.query_label != pair.neighbour_label
        right = similar[:, labels == pair.query_label].max(axis=1)
        assert pair.margin > 0
        assert np.isclose(right, pair.similarity - pair.margin, atol=1e-6).any()


def test_page_and_figure_name_nobody(confused, toy, tmp_path):
    _, index = confused
    result = evaluate_index(index, toy, EvaluateConfig(errors=4, top_ks=(1,)))
    placed = save_evaluation(result, tmp_path / "run", index=index)
    page = (tmp_path / "run" / "wrong_neighbours.html").read_text()
    assert placed.page == str(tmp_path / "run" / "wrong_neighbours.html")
    assert page.count("<img") == 2 * 2 * 4
    assert "Synthetic images" in page
    assert "Research use only" in page
    for name in ("test-normal", "train-pneumonia", "images/", str(tmp_path)):
        assert name not in page
        assert name not in result.protocols[0].model_dump_json()
    assert read_image(tmp_path / "run" / "figures" / "wrong_neighbours.png").native_size[0] > 300


def test_an_evaluation_survives_the_loss_of_its_images(confused, toy, tmp_path, capsys):
    folder, index = confused
    result = evaluate_index(index, toy, EvaluateConfig(top_ks=(1,)))
    shutil.rmtree(folder)
    placed = save_evaluation(result, tmp_path / "run", index=index)
    assert placed.page is None
    assert "no pictures of wrong neighbours" in capsys.readouterr().err
    assert (tmp_path / "run" / "metrics.json").is_file()


def test_no_page_without_errors(toy_index, toy, tmp_path):
    result = evaluate_index(toy_index, toy, EvaluateConfig(top_ks=(1,)))
    assert result.protocols[0].row(1).value.estimate == 1.0
    assert save_evaluation(result, tmp_path, index=toy_index).page is None
    assert not (tmp_path / "wrong_neighbours.html").exists()
