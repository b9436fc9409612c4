from medx.core.words import file_size, many


def test_one_is_singular_and_all_other_numbers_are_plural():
    assert [many(n, "image") for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert [many(n, "box has", "boxes have") for n in (1, 3)] == ["1 box has", "3 boxes have"]


def test_sizes_are_said_in_the_unit_that_fits():
    sizes = [0, 999, 1000, 24_270, 999_960, 6.2e6, 784e6, 3.5e9, 2e12, 5e15]
    assert [file_size(size) for size in sizes] == [
        "0 bytes", "999 bytes", "1.0 kB", "24.3 kB", "1.0 MB", "6.2 MB", "784.0 MB", "3.5 GB",
        "2.0 TB", "5000.0 TB",
    ]  # fmt: skip
