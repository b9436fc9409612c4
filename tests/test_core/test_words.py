from medx.core.words import many


def test_one_is_singular_and_all_other_numbers_are_plural():
    assert [many(n, "image") for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert [many(n, "box has", "boxes have") for n in (1, 3)] == ["1 box has", "3 boxes have"]
