"""Which of two classes is the positive one, where nobody says it."""

import pytest

from medx.datasets.class_order import order_classes


@pytest.mark.parametrize(
    ("labels", "ordered"),
    [
        (["effusion", "no effusion", "effusion"], ("no effusion", "effusion")),
        (["abnormal", "normal"], ("normal", "abnormal")),
        (["COVID", "NON-COVID"], ("NON-COVID", "COVID")),
        (["fracture", "no_fracture"], ("no_fracture", "fracture")),
        (["disease", "Healthy"], ("Healthy", "disease")),
        (["normal", "not normal"], ("normal", "not normal")),
        (["nodule", "effusion"], ("effusion", "nodule")),
        (["mass", "normal", "effusion"], ("effusion", "mass", "normal")),
        ([], ()),
    ],
)
def test_of_two_classes_the_one_that_denies_comes_first(labels, ordered):
    assert order_classes(labels) == ordered
