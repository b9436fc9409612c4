import pytest

from reportgen.resolution import resolution_note, unresolvable_terms

CHEST = "chest radiograph"


@pytest.mark.parametrize(
    ("size", "says"),
    [(28, "Do not name"), (128, "gross findings only"), (256, "may be lost"), (1024, "allows")],
)
def test_the_note_follows_the_short_side(size, says):
    assert says in resolution_note((size, 2000), CHEST)


def test_anatomy_that_so_few_pixels_cannot_show_is_found():
    text = "Blunted costophrenic angles. No rib fracture. The heart is large."
    assert unresolvable_terms(text, (28, 28), CHEST) == ["costophrenic angle", "rib"]
    assert unresolvable_terms(text, (512, 512), CHEST) == []


def test_admitting_the_limit_is_no_claim():
    text = "The ribs are not assessable at this resolution. Fissures cannot be seen."
    assert unresolvable_terms(text, (28, 28), CHEST) == []


def test_words_that_contain_a_term_do_not_count():
    assert unresolvable_terms("The distribution is tubular.", (28, 28), CHEST) == []
