import numpy as np
import pytest
from PIL import Image as PILImage

from medx.core.figures import Outline, new_figure, save_figure, save_image_grid


def test_grid_is_a_png_wide_enough_for_its_columns(tmp_path):
    pixels = [np.full((28, 28), i * 20, np.uint8) for i in range(7)]
    wide = save_image_grid(pixels, [str(i) for i in range(7)], tmp_path / "a.png", columns=7)
    tall = save_image_grid(pixels, [str(i) for i in range(7)], tmp_path / "b.png", columns=1)
    with PILImage.open(wide) as first, PILImage.open(tall) as second:
        assert first.format == "PNG"
        assert first.width > first.height
        assert second.height > second.width


def test_grid_shows_the_pixels_it_was_given(tmp_path):
    bright = save_image_grid([np.full((8, 8), 255, np.uint8)], [""], tmp_path / "bright.png")
    dark = save_image_grid([np.zeros((8, 8), np.uint8)], [""], tmp_path / "dark.png")
    assert _centre(bright) == 255
    assert _centre(dark) == 0


def test_grid_takes_colour_sizes_that_differ_and_captions_matplotlib_would_choke_on(tmp_path):
    pixels = [np.zeros((8, 8, 3), np.uint8), np.zeros((16, 4), np.uint8)]
    assert save_image_grid(pixels, ["$\\frac$", "肺炎"], tmp_path / "x" / "grid.png").is_file()


@pytest.mark.parametrize("captions", [[], ["a", "b"]])
def test_grid_wants_one_caption_an_image(tmp_path, captions):
    with pytest.raises(ValueError, match="share one length"):
        save_image_grid([np.zeros((8, 8), np.uint8)], captions, tmp_path / "grid.png")


def test_grid_leaves_gaps_and_takes_row_titles_outlines_and_a_legend(tmp_path):
    black = np.zeros((8, 8), np.uint8)
    outline = Outline(x=2, y=2, width=4, height=4, colour="#ff0000", text="$x_{$")
    settings = {"columns": 2, "row_titles": ["$a_{$", "b"], "legend": {"$x_{$": "#ff0000"}}
    path = save_image_grid(
        [black, None, black], ["1", "", "3"], tmp_path / "grid.png",
        outlines=[[outline], [], []], **settings,
    )  # fmt: skip
    with PILImage.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert ((pixels[..., 0] > 200) & (pixels[..., 1] < 50)).any()


def test_figures_of_the_same_data_are_the_same_bytes(tmp_path):
    paths = [save_figure(new_figure(2, 2, title="t"), tmp_path / name) for name in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def _centre(path):
    with PILImage.open(path) as image:
        grey = np.asarray(image.convert("L"))
    return grey[grey.shape[0] // 2, grey.shape[1] // 2]
