import numpy as np
import pytest

from retrieval.encoders.base import normalize
from retrieval.encoders.runtimes.fidelity import Embedded, Sample, measure_fidelity, phantom_sample

SAMPLE = Sample("some", False, [], [])


def embedded(seed, images=30, texts=4):
    rng = np.random.default_rng(seed)
    return Embedded(*(normalize(rng.normal(size=(n, 16))) for n in (images, texts)))


def compare(found, original):
    return measure_fidelity(found, original, compared_with="torch fp32", sample=SAMPLE)


def test_the_same_embeddings_agree_wholly():
    fidelity = compare(embedded(0), embedded(0))
    assert fidelity.same
    assert fidelity.images.count == 30
    for side in (fidelity.images, fidelity.texts):
        assert side.mean_cosine == pytest.approx(1)
        assert side.worst_cosine == pytest.approx(1)
        assert side.top10_overlap == 1
        assert side.largest_difference == 0


def test_one_turned_image_is_the_worst():
    original = embedded(0)
    images = original.images.copy()
    images[7] = -images[7]
    fidelity = compare(original._replace(images=images), original)
    assert fidelity.images.worst_cosine == pytest.approx(-1)
    assert fidelity.images.mean_cosine == pytest.approx(28 / 30)
    assert not fidelity.same


def test_unlike_embeddings_share_hits_by_chance_alone():
    found, original = embedded(1, images=400), embedded(2, images=400)
    assert compare(found, original).images.top10_overlap == pytest.approx(10 / 399, abs=0.02)


def test_a_shift_of_all_images_leaves_the_neighbours():
    original = embedded(0)
    noisy = original.images + np.float32(1e-3) * original.images[::-1]
    fidelity = compare(original._replace(images=normalize(noisy)), original)
    assert fidelity.images.top10_overlap > 0.9
    assert not fidelity.same


def test_without_texts_none_is_measured():
    bare = embedded(0)._replace(texts=np.empty((0, 16), np.float32))
    assert compare(bare, bare).texts is None


def test_few_images_have_fewer_neighbours():
    assert compare(embedded(0, images=3), embedded(0, images=3)).images.top10_overlap == 1


def test_phantoms_are_the_same_each_time():
    first, second = phantom_sample(3), phantom_sample(3)
    assert first.synthetic
    assert first.texts == second.texts
    for a, b in zip(first.images, second.images, strict=True):
        np.testing.assert_array_equal(a, b)
