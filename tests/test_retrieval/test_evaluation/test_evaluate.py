import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.errors import InputError, UnknownNameError
from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.config import EvaluateConfig
from retrieval.encoders.base import Fingerprint
from retrieval.evaluation.evaluate import evaluate_index, save_evaluation
from retrieval.evaluation.images import evaluate_images
from retrieval.evaluation.texts import evaluate_texts
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items

CONFIG = EvaluateConfig(top_ks=(1, 3))


def make_index(items, seed=0, embeddings=None):
    """A gallery of random vectors, fingerprinted as the toy encoder's."""
    fingerprint: Fingerprint = ToyEncoder().fingerprint
    if embeddings is None:
        embeddings = np.random.default_rng(seed).normal(size=(len(items), fingerprint.dim))
    table = Items.from_items(items)
    description = IndexDescription(
        name="made", encoder=fingerprint, count=len(items), dataset="d", dataset_source="d",
        splits=table.splits,
    )  # fmt: skip
    return GalleryIndex.from_embeddings(embeddings, table, description)


def make_items(count, *, labels=("normal", "pneumonia"), split="test", **columns):
    return [
        Item(
            id=f"{split}-{i}", content_hash=f"{split}-{i}", path="", split=split,
            label=labels[i % len(labels)],
            **{name: values[i] for name, values in columns.items()},
        )
        for i in range(count)
    ]  # fmt: skip


def brute_force(index, queries, gallery, top_k, banned=lambda q, g: q == g):
    """P@k with nothing but numpy and a sort."""
    vectors, labels = index.embeddings(), index.items.column("label")
    scores = []
    for q in queries:
        others = [g for g in gallery if not banned(q, g)]
        best = sorted(others, key=lambda g: -float(vectors[q] @ vectors[g]))[:top_k]
        scores.append(np.mean([labels[g] == labels[q] for g in best]))
    return np.array(scores)


def test_leave_one_out_is_brute_force(toy_index):
    result = evaluate_images(toy_index, CONFIG, protocol="leave-one-out").result
    rows = toy_index.items.split_rows("test")
    for top_k in (1, 3):
        expected = brute_force(toy_index, rows, rows, top_k)
        assert result.row(top_k).value.estimate == pytest.approx(expected.mean())
    assert (result.queries, result.gallery) == (60, 60)


def test_random_vectors_score_the_chance_level():
    items = make_items(600, labels=("a", "a", "b")) + make_items(
        900, labels=("a", "b"), split="train"
    )
    index = make_index(items)
    for protocol in ("leave-one-out", "train-gallery"):
        row = evaluate_images(index, EvaluateConfig(), protocol=protocol).result.row(10)
        assert row.value.estimate == pytest.approx(row.chance, abs=0.02)
        assert row.value.low < row.chance < row.value.high


def test_chance_levels_are_the_formulas():
    test, train = make_items(30, labels=("a", "a", "b")), make_items(40, split="train")
    train = [Item(**{**vars(item), "label": "ab"[i % 4 == 0]}) for i, item in enumerate(train)]
    index = make_index(test + train)
    alone = evaluate_images(index, CONFIG, protocol="leave-one-out").result
    apart = evaluate_images(index, CONFIG, protocol="train-gallery").result
    labels = [item.label for item in test]
    assert labels.count("a") == 20
    assert alone.row(1).chance == pytest.approx((20 * 19 + 10 * 9) / (30 * 29))
    share = {name: np.mean([item.label == name for item in train]) for name in "ab"}
    assert apart.row(1).chance == pytest.approx(np.mean([share[name] for name in labels]))


def test_chance_levels_of_the_real_images(real_data, toy, tmp_path):
    dataset = load_dataset("pneumoniamnist", data_dir=real_data)
    build_index(dataset, toy, tmp_path / "x")
    index = GalleryIndex.load(tmp_path / "x")
    alone = evaluate_images(index, EvaluateConfig(), protocol="leave-one-out").result
    apart = evaluate_images(index, EvaluateConfig(), protocol="train-gallery").result
    assert (round(alone.row(10).chance, 3), round(apart.row(10).chance, 3)) == (0.530, 0.561)
    assert (alone.queries, apart.gallery) == (624, 4708)


def test_copies_and_patients_are_left_out_and_counted():
    items = make_items(40, group=[f"p{i // 4}" for i in range(40)])
    items[7] = Item(**{**vars(items[7]), "content_hash": items[22].content_hash})
    index = make_index(items)
    result = evaluate_images(index, CONFIG, protocol="leave-one-out").result
    assert result.excluded_duplicates == 2
    assert result.excluded_same_group == 40 * 3
    assert result.resampled == "groups of queries"
    rows = np.arange(40)

    def banned(q, g):
        return q // 4 == g // 4 or {q, g} == {7, 22}

    expected = brute_force(index, rows, rows, 3, banned)
    assert result.row(3).value.estimate == pytest.approx(expected.mean())


def test_classes_and_their_mean():
    index = make_index(make_items(90, labels=("a", "a", "b")))
    result = evaluate_images(index, CONFIG, protocol="leave-one-out").result
    rows = np.arange(90)
    scores = brute_force(index, rows, rows, 1)
    is_b = rows % 3 == 2
    a, b = (result.row(1, scope="class", label=name).value.estimate for name in "ab")
    assert (a, b) == pytest.approx((scores[~is_b].mean(), scores[is_b].mean()))
    assert result.row(1, scope="macro").value.estimate == pytest.approx((a + b) / 2)
    assert result.row(1, scope="class", label="b").n == 30


def test_unlabelled_images_are_left_out_and_counted():
    items = make_items(20, labels=("a", "b", None))
    result = evaluate_images(make_index(items), CONFIG, protocol="leave-one-out").result
    assert (result.queries, result.gallery, result.unlabelled) == (14, 14, 6)


def test_several_labels_of_one_image():
    index = make_index(make_items(30, labels=("a|b", "b", "c")))
    result = evaluate_images(index, CONFIG, protocol="leave-one-out").result
    labels = {row.label for row in result.rows if row.scope == "class"}
    assert labels == {"a", "b", "c"}
    assert result.row(1, scope="class", label="a").n == 10


def test_queries_that_are_all_right_leave_doubt(toy_index):
    result = evaluate_images(toy_index, CONFIG, protocol="leave-one-out").result
    row = result.row(1)
    assert (row.value.estimate, row.n) == (1.0, 60)
    assert row.value.low == pytest.approx(0.025 ** (1 / 60))
    assert row.value.method == result.all_or_none == "exact binomial of queries"
    assert result.row(1, scope="macro").value.low < row.value.low


def test_texts_find_their_class(toy_index, toy):
    result = evaluate_texts(toy_index, toy, CONFIG).result
    row = result.row(3, scope="class", label="pneumonia")
    assert row.value.estimate == 1.0
    assert (row.chance, row.n) == (pytest.approx(40 / 60), 40)
    for label in ("normal", "pneumonia"):
        whole = result.row(None, measure="average_precision", scope="class", label=label)
        assert whole.value.estimate == 1.0
    assert result.prompts["pneumonia"][0] == "pneumonia"
    assert "lungs" in result.unknown_words["normal"]
    assert result.resampled == "gallery images"


def test_texts_against_brute_force(toy):
    items = make_items(50, labels=("ring", "trophozoite", "schizont"))
    index = make_index(items)
    result = evaluate_texts(index, toy, CONFIG).result
    order = np.argsort(-(index.embeddings() @ toy.embed_texts(["ring"])[0]))
    expected = np.mean([items[i].label == "ring" for i in order[:3]])
    row = result.row(3, scope="class", label="ring")
    assert row.value.estimate == pytest.approx(expected)
    assert row.value.low <= row.value.estimate <= row.value.high
    relevant = np.array([item.label == "ring" for item in items])
    average = average_precision_score(relevant, index.embeddings() @ toy.embed_texts(["ring"])[0])
    whole = result.row(None, measure="average_precision", scope="class", label="ring")
    assert whole.value.estimate == pytest.approx(average)


def test_hits_below_zero_similarity_still_count(toy):
    """Every image points away from the query, yet the ring images less so."""
    items = make_items(6, labels=("ring", "other"))
    query = toy.embed_texts(["ring"])
    embeddings = np.repeat(-query, 6, axis=0)
    embeddings[::2, 5] += 1.0
    index = make_index(items, embeddings=embeddings)
    assert index.search(query, 6).similarities.max() < 0
    result = evaluate_texts(index, toy, EvaluateConfig(top_ks=(3,))).result
    assert result.row(3, scope="class", label="ring").value.estimate == 1.0


def test_classes_the_encoder_has_no_word_for_are_not_measured(toy, tmp_path):
    index = make_index(make_items(30, labels=("ring", "trophozoite", "schizont")))
    result = evaluate_texts(index, toy, CONFIG).result
    assert (result.unmeasured, result.queries) == (("schizont",), 2)
    assert {row.label for row in result.rows} == {None, "ring", "trophozoite"}
    macro = result.row(1, scope="macro").value.estimate
    each = [
        result.row(1, scope="class", label=name).value.estimate for name in ("ring", "trophozoite")
    ]
    assert macro == pytest.approx(np.mean(each))
    whole = save_evaluation(evaluate_index(index, toy, CONFIG), tmp_path)
    assert "not measured: the encoder knows none of the words of 'schizont'" in whole.notes


def test_no_class_left_skips_the_text_protocol(toy, tmp_path):
    index = make_index(make_items(20, labels=("schizont", "gametocyte")))
    result = save_evaluation(evaluate_index(index, toy, CONFIG), tmp_path)
    assert [p.task for p in result.protocols] == ["image-to-image"]
    assert any("no text→image protocol" in note for note in result.notes)


def test_draws_of_too_few_images_are_left_out(toy):
    """One patient has nearly all the images: many a draw of patients holds fewer than k."""
    items = make_items(12, group=["big"] * 9 + ["p1", "p2", "p3"])
    result = evaluate_texts(make_index(items), toy, EvaluateConfig(top_ks=(8,)))
    interval = result.result.row(8, scope="macro").value
    assert interval.low <= interval.estimate <= interval.high


def test_whole_evaluation_is_written(toy_index, toy, tmp_path):
    result = save_evaluation(evaluate_index(toy_index, toy), tmp_path)
    protocols = [(p.task, p.protocol) for p in result.protocols]
    assert protocols == [
        ("image-to-image", "leave-one-out"),
        ("image-to-image", "train-gallery"),
        ("text-to-image", "class-prompts"),
    ]
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written == json.loads(result.model_dump_json())
    assert written["encoder"]["name"] == "toy"
    assert "Research use only" in written["disclaimer"]
    figure = tmp_path / "figures" / "precision_at_k.png"
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_same_seed_same_figures(toy):
    index = make_index(make_items(60))
    first, second = (evaluate_index(index, toy, CONFIG) for _ in range(2))
    assert first.protocols == second.protocols
    other = evaluate_index(index, toy, EvaluateConfig(top_ks=(1, 3), seed=1))
    assert other.protocols != first.protocols


def test_one_class_says_nothing_and_says_so(toy):
    result = evaluate_index(make_index(make_items(12, labels=("normal",))), toy, CONFIG)
    assert any("only one class" in note for note in result.notes)
    assert any("no train split" in note for note in result.notes)
    row = result.protocols[0].row(1)
    assert (row.value.estimate, row.chance) == (1.0, 1.0)


def test_train_queries_need_no_train_gallery(toy_index, toy):
    result = evaluate_index(toy_index, toy, EvaluateConfig(split="train"))
    assert len(result.protocols) == 2
    assert any("split train holds the train images" in note for note in result.notes)


def test_what_cannot_be_measured(toy_index, toy):
    with pytest.raises(InputError, match="top_k 60 is more than the 59"):
        evaluate_index(toy_index, toy, EvaluateConfig(top_ks=(60,)))
    with pytest.raises(UnknownNameError, match="'tets'"):
        evaluate_index(toy_index, toy, EvaluateConfig(split="tets"))
    with pytest.raises(InputError, match="no image of split test has a label"):
        evaluate_index(make_index(make_items(9, labels=(None,))), toy, CONFIG)
