import pytest

from retrieval.search.results import shown_similarity


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.500"), (-0.25, "-0.250"), (0.9994, "0.999"), (0.9997, "0.9997"),
     (0.99999, ">0.9999"), (1.0, "1.000")],
)  # fmt: skip
def test_what_is_not_the_same_is_not_shown_as_1(value, shown):
    assert shown_similarity(value) == shown
