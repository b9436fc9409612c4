import numpy as np
import pytest

from medx.core.errors import InputError
from medx.core.images import count_frames, read_image

RNG = np.random.default_rng(2)
GREY = RNG.integers(0, 256, (6, 9), np.uint8)
COLOUR = RNG.integers(0, 256, (6, 9, 3), np.uint8)
STACK = RNG.integers(0, 256, (5, 6, 9), np.uint8)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("array", [GREY, COLOUR, GREY[..., None]], ids=["grey", "colour", "single"])
def test_single_images_keep_their_pixels(tmp_path, array, order):
    np.save(tmp_path / "x.npy", np.asarray(array, order=order))
    assert np.array_equal(read_image(tmp_path / "x.npy").pixels, np.squeeze(array))
    assert count_frames(tmp_path / "x.npy") == 1


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize(
    "stack",
    [STACK, STACK[..., None], np.stack([COLOUR, COLOUR + 1]), np.asfortranarray(STACK), STACK[:1]],
)
def test_stacks_are_read_a_frame_at_a_time(tmp_path, kind, stack):
    path = tmp_path / f"x.{kind}"
    np.save(path, stack) if kind == "npy" else np.savez_compressed(path, images=stack)
    assert count_frames(path) == len(stack)
    for frame in range(len(stack)):
        assert np.array_equal(read_image(path, frame=frame).pixels, np.squeeze(stack[frame]))
    with pytest.raises(InputError, match=f"has no frame {len(stack)}"):
        read_image(path, frame=len(stack))


def test_three_planes_could_be_colours_or_frames_and_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", STACK[:3])
    with pytest.raises(InputError, match="three frames or three colours") as caught:
        read_image(tmp_path / "x.npy")
    assert "(H, W, 3)" in caught.value.hint


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">u2", ">f4", "f8", "?", "i1", "u4", "f2"])
def test_any_number_becomes_a_picture(tmp_path, dtype):
    ramp = np.linspace(0, 1 if dtype == "?" else 100, 300).reshape(15, 20).astype(dtype)
    np.save(tmp_path / "x.npy", ramp)
    image = read_image(tmp_path / "x.npy")
    assert image.pixels[0, 0] < image.pixels[-1, -1]
    assert image.facts["bits"] == str(1 if dtype == "?" else ramp.itemsize * 8)


@pytest.mark.parametrize("array", [np.zeros((4, 4), complex), np.zeros((4, 4), "S3"), np.zeros(4)])
def test_what_is_no_picture_is_refused(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(InputError, match="not an image"):
        read_image(tmp_path / "x.npy")


def test_an_archive_may_hold_labels_beside_its_one_image(tmp_path):
    np.savez(tmp_path / "x.npz", pixels=GREY, label=np.array(1), name=np.array(["a"]))
    assert np.array_equal(read_image(tmp_path / "x.npz").pixels, GREY)


def test_several_or_no_images_in_an_archive_are_an_error_that_lists_its_keys(tmp_path):
    np.savez(tmp_path / "x.npz", left=GREY, right=GREY)
    with pytest.raises(InputError, match="several image arrays: left, right"):
        read_image(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", label=np.array(1))
    with pytest.raises(InputError, match="no image array: label"):
        read_image(tmp_path / "x.npz")


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_pickles_are_never_loaded(tmp_path, kind):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    array = np.array([[Trap()]], object)
    path = tmp_path / f"x.{kind}"
    np.save(path, array, allow_pickle=True) if kind == "npy" else np.savez(path, array)
    with pytest.raises(InputError, match="pickled"):
        read_image(path)
    assert not (tmp_path / "sprung").exists()
