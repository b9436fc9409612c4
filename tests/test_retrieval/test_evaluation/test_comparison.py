import json

import numpy as np
import pytest
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.errors import InputError, UnknownNameError
from retrieval.config import EvaluateConfig
from retrieval.evaluation.comparison import Contender, compare_indexes, save_comparison
from retrieval.index.gallery_index import GalleryIndex

CONFIG = EvaluateConfig(top_ks=(1, 5), errors=0)


def blurred(index, noise, *, name="blurred", sha="2", rows=None):
    """The same images as another encoder would see them: with noise on every embedding."""
    rng = np.random.default_rng(0)
    rows = np.arange(len(index)) if rows is None else rows
    embeddings = index.embeddings(rows)
    embeddings = embeddings + rng.normal(size=embeddings.shape) * noise
    items = index.items.take(rows)
    encoder = ToyEncoder(weights_sha256=sha * 64)
    description = index.description.model_copy(
        update={
            "name": name, "encoder": encoder.fingerprint, "count": len(items),
            "splits": items.splits, "segments": (),
        }
    )  # fmt: skip
    return Contender(
        index=GalleryIndex.from_embeddings(embeddings.astype(np.float32), items, description),
        encoder=encoder,
    )


def test_differences_are_paired(toy_index, toy):
    one = blurred(toy_index, 0.3, name="one", sha="1")
    result = compare_indexes([Contender(index=toy_index, encoder=toy), one], CONFIG)
    rows = [entry.protocols[0].row(5).value.estimate for entry in result.indexes]
    difference = next(
        d
        for d in result.differences
        if (d.protocol, d.metric, d.scope) == ("leave-one-out", "P@5", "all")
    )
    assert (difference.first, difference.second) == (toy_index.name, "one")
    assert difference.difference.estimate == pytest.approx(rows[1] - rows[0])
    assert difference.difference.high < 0
    protocols = {d.protocol for d in result.differences}
    assert protocols == {"leave-one-out", "train-gallery", "class-prompts"}


def test_the_same_embeddings_differ_by_nothing_in_whatever_row_order(toy_index, toy):
    shuffled = np.random.default_rng(3).permutation(len(toy_index))
    same = blurred(toy_index, 0.0, rows=shuffled)
    result = compare_indexes([Contender(index=toy_index, encoder=toy), same], CONFIG)
    # Of equal similarities the order of rows decides; nothing else may.
    assert all(abs(d.difference.low) < 0.05 > abs(d.difference.high) for d in result.differences)
    exact = [d.difference for d in result.differences if d.metric in ("P@1", "P@5")]
    assert {(i.low, i.estimate, i.high) for i in exact} == {(0.0, 0.0, 0.0)}


def test_kinds_of_one_index(toy):
    from test_retrieval.test_evaluation.test_evaluate import make_index, make_items

    index = make_index(make_items(400) + make_items(600, split="train"))
    contenders = [Contender(index=index, encoder=toy, kind=k) for k in ("flat", "hnsw", "ivf-sq8")]
    result = compare_indexes(contenders, CONFIG)
    flat, *others = result.indexes
    for other in others:
        for exact, found in zip(flat.protocols[:2], other.protocols[:2], strict=True):
            assert exact.kind_recall is None
            assert found.kind in ("hnsw", "ivf-sq8")
            assert found.kind_recall.estimate > 0.9
            gap = exact.row(5).value.estimate - found.row(5).value.estimate
            assert abs(gap) < 0.02
            assert not any(row.top_k is None for row in found.rows)
    with pytest.raises(UnknownNameError, match="'hsnw'"):
        compare_indexes([*contenders[:1], Contender(index=index, encoder=toy, kind="hsnw")], CONFIG)


def test_looks_at_test_are_entered_once_an_encoder(toy_index, toy, tmp_path):
    kinds = [
        Contender(index=toy_index, encoder=toy),
        Contender(index=toy_index, encoder=toy, kind="flat"),
        blurred(toy_index, 0.1),
    ]
    result = save_comparison(compare_indexes(kinds, CONFIG), tmp_path)
    assert [entry.test_evaluations for entry in result.indexes] == [1, 1, 1]
    assert json.loads((tmp_path / "metrics.json").read_text()) == json.loads(
        result.model_dump_json()
    )
    assert (tmp_path / "figures" / "comparison.png").read_bytes().startswith(b"\x89PNG")
    on_val = compare_indexes(kinds, EvaluateConfig(split="val", top_ks=(1,)))
    assert save_comparison(on_val, tmp_path / "val").indexes[0].test_evaluations == 1


def test_what_cannot_be_compared(toy_index, toy):
    mine = Contender(index=toy_index, encoder=toy)
    with pytest.raises(InputError, match="at least two"):
        compare_indexes([mine], CONFIG)
    with pytest.raises(InputError, match="named twice"):
        compare_indexes([mine, mine], CONFIG)
    fewer = blurred(toy_index, 0.0, rows=np.arange(len(toy_index) - 7))
    with pytest.raises(InputError, match="hold different images: 7 of"):
        compare_indexes([mine, fewer], CONFIG)


def test_from_the_command_line(cli, two_class):
    def compare(*args):
        return cli("retrieve", "compare", *args, "--dataset", two_class, "--split", "val")

    done = compare("--encoder", "toy", "--encoder", "compact", "--name", "both")
    assert done.exit_code == 0, done.stderr
    for words in ("two-compact less two-toy", "SYNTHETIC two", "chance", "leave-one-out"):
        assert words in done.stdout
    by_name = compare("two-toy", "two-compact", "--json").json
    assert [entry["index"] for entry in by_name["indexes"]] == ["two-toy", "two-compact"]
    assert "at least two indexes" in compare("two-toy").stderr
    assert "did you mean 'two-toy'" in compare("two-toi", "two-compact").stderr
