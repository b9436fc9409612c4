import numpy as np

from classify.evaluation.image_grids import Gallery, save_grids


def make_gallery(target, probs, *, operating_point=0.5):
    probs = np.asarray(probs)
    predicted = (probs[:, 1] >= operating_point).astype(int) if operating_point else probs.argmax(1)
    return Gallery(
        pixels=np.zeros((len(target), 8, 8), np.uint8),
        ids=list("abcdefgh")[: len(target)],
        target=np.array(target),
        predicted=predicted,
        probs=probs,
        classes=("no", "yes", "maybe")[: probs.shape[1]],
        operating_point=operating_point,
    )


def test_the_worst_mistakes_come_first():
    gallery = make_gallery([0, 0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.95, 0.05], [0.2, 0.8]])
    assert gallery.worst_mistakes().tolist() == [2, 1]
    assert set(gallery.right_at_random(0)) == {0, 3}


def test_the_least_sure_are_nearest_to_another_answer():
    probs = [[0.9, 0.1], [0.45, 0.55], [0.75, 0.25]]
    assert make_gallery([0, 0, 1], probs).least_sure().tolist() == [1, 2, 0]
    assert make_gallery([0, 0, 1], probs, operating_point=0.2).least_sure().tolist() == [2, 0, 1]
    three = [[0.5, 0.1, 0.4], [0.8, 0.1, 0.1], [0.34, 0.33, 0.33]]
    assert make_gallery([0, 0, 1], three, operating_point=None).least_sure().tolist() == [2, 0, 1]


def test_only_grids_with_images_are_written(tmp_path):
    gallery = make_gallery([0, 1], [[0.9, 0.1], [0.2, 0.8]])
    names = [path.name for path in save_grids(gallery, tmp_path, seed=0)]
    assert names == ["correct.png", "uncertain.png"]
    assert not (tmp_path / "failures.png").exists()
