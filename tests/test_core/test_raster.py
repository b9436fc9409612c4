import numpy as np
import pytest
from PIL import Image as PILImage
from test_core.image_seeds import chunk, deflated

from medx.core import raster
from medx.core.errors import InputError
from medx.core.images import count_frames, read_image

RNG = np.random.default_rng(1)
GREY = RNG.integers(0, 256, (12, 17), np.uint8)
COLOUR = RNG.integers(0, 256, (12, 17, 3), np.uint8)


def write(path, image, **options):
    image.save(path, **options)
    return read_image(path)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_files_keep_every_pixel(tmp_path, suffix, pixels):
    image = write(tmp_path / f"x.{suffix}", PILImage.fromarray(pixels))
    assert np.array_equal(image.pixels, pixels)
    assert (image.facts["bits"], image.facts["applied"]) == ("8", "")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
def test_compressed_tiff_keeps_every_pixel(tmp_path, compression):
    image = write(tmp_path / "x.tif", PILImage.fromarray(COLOUR), compression=compression)
    assert np.array_equal(image.pixels, COLOUR)


@pytest.mark.parametrize("pixels", [GREY // 64 * 64, COLOUR // 64 * 64])
def test_jpeg_is_close(tmp_path, pixels):
    smooth = np.repeat(np.repeat(pixels, 16, axis=0), 16, axis=1)
    image = write(tmp_path / "x.jpg", PILImage.fromarray(smooth), quality=95)
    assert np.median(abs(image.pixels.astype(int) - smooth)) <= 2


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_single_bits_become_black_and_white(tmp_path, suffix):
    image = write(tmp_path / f"x.{suffix}", PILImage.fromarray(GREY > 99))
    assert np.array_equal(image.pixels, (GREY > 99) * 255)
    assert image.facts["bits"] == "1"


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_palettes_become_colours(tmp_path, suffix):
    palette = PILImage.fromarray(COLOUR).quantize(16)
    image = write(tmp_path / f"x.{suffix}", palette)
    assert np.array_equal(image.pixels, np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_transparent_pixels_lie_on_black(tmp_path, suffix):
    alpha = RNG.integers(0, 256, (12, 17), np.uint8)
    image = write(tmp_path / f"x.{suffix}", PILImage.fromarray(np.dstack([COLOUR, alpha])))
    expected = COLOUR * (alpha[..., None] / 255)
    assert abs(image.pixels - expected).max() <= 0.51
    assert image.facts["applied"] == "alpha on black"


def test_grey_alpha_and_transparent_palette_entries_lie_on_black(tmp_path):
    alpha = RNG.integers(0, 256, (12, 17), np.uint8)
    grey = write(tmp_path / "la.png", PILImage.fromarray(np.dstack([GREY, alpha]), "LA"))
    assert abs(grey.pixels - GREY * (alpha / 255)).max() <= 0.51
    palette = PILImage.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).convert("P")
    keyed = write(tmp_path / "p.png", palette, transparency=11)
    assert keyed.pixels[2, 3].tolist() == [0, 0, 0]
    assert keyed.pixels[2, 2].tolist() == [10, 10, 10]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_deep_grey_is_stretched_as_numpy_would(tmp_path, suffix):
    deep = RNG.integers(1000, 1300, (40, 50)).astype(np.uint16)
    image = write(tmp_path / f"x.{suffix}", PILImage.fromarray(deep))
    low, high = np.percentile(deep, [0.5, 99.5])
    expected = np.rint(np.clip((deep - low) / (high - low), 0, 1) * 255)
    assert np.array_equal(image.pixels, expected)
    assert (image.facts["bits"], image.facts["applied"]) == ("16", "0.5-99.5 percentiles")


def test_deep_colour_keeps_its_upper_bits(tmp_path):
    deep = np.repeat(np.arange(256, dtype=">u2")[:, None] * 257, 3, axis=1)
    rows = b"".join(b"\0" + deep[i : i + 1].tobytes() for i in range(256))
    header = bytes([0, 0, 0, 1, 0, 0, 1, 0, 16, 2, 0, 0, 0])
    content = chunk(b"IHDR", header) + chunk(b"IDAT", deflated(rows)) + chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    image = read_image(tmp_path / "x.png")
    assert image.pixels[:, 0, 1].tolist() == list(range(256))
    assert image.facts["bits"] == "16"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_where_a_tiff_says_so(tmp_path, dtype):
    ramp = np.linspace(0, np.iinfo(dtype).max, 400).astype(dtype).reshape(20, 20)
    # Pillow writes what it is told is the photometric, without turning the values.
    PILImage.fromarray(ramp).save(tmp_path / "x.tif", tiffinfo={262: 1})
    content = bytearray((tmp_path / "x.tif").read_bytes())
    at = content.index(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01")
    content[at + 8] = 0
    (tmp_path / "x.tif").write_bytes(bytes(content))
    pixels = read_image(tmp_path / "x.tif").pixels
    assert (pixels[0, 0], pixels[-1, -1]) == (255, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_every_exif_orientation_is_undone(tmp_path, orientation, suffix):
    upright = np.kron(
        np.array([[0, 80, 160], [240, 120, 40]], np.uint8), np.ones((16, 16), np.uint8)
    )
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
        6: np.rot90(upright), 7: np.rot90(upright, 2).T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    image = write(
        tmp_path / f"x.{suffix}", PILImage.fromarray(np.ascontiguousarray(stored)), exif=exif
    )
    assert image.pixels.shape == upright.shape
    assert abs(image.pixels.astype(int) - upright).max() < 10


def test_pages_of_a_tiff_are_frames(tmp_path):
    pages = [PILImage.fromarray(array) for array in (GREY, COLOUR, GREY[:5])]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    assert count_frames(tmp_path / "x.tif") == 3
    assert np.array_equal(read_image(tmp_path / "x.tif").pixels, GREY)
    assert np.array_equal(read_image(tmp_path / "x.tif", frame=1).pixels, COLOUR)
    assert read_image(tmp_path / "x.tif", frame=2).native_size == (5, 17)
    with pytest.raises(InputError, match="has no frame 3"):
        read_image(tmp_path / "x.tif", frame=3)


def test_other_files_have_one_frame(tmp_path):
    PILImage.fromarray(GREY).save(tmp_path / "x.png")
    assert count_frames(tmp_path / "x.png") == 1
    for frame in (1, -1):
        with pytest.raises(InputError, match=f"has no frame {frame}"):
            read_image(tmp_path / "x.png", frame=frame)


def test_large_images_are_read_in_strips_that_join(tmp_path, monkeypatch):
    monkeypatch.setattr(raster, "_STRIP_PIXELS", 40)
    for pixels in (GREY, COLOUR, GREY.astype(np.float32)):
        path = tmp_path / "x.tif"
        joined = write(path, PILImage.fromarray(pixels)).pixels
        monkeypatch.setattr(raster, "_STRIP_PIXELS", 1 << 22)
        assert np.array_equal(joined, read_image(path).pixels)
        monkeypatch.setattr(raster, "_STRIP_PIXELS", 40)


@pytest.mark.parametrize("name", ["x.dcm", "x", "x.npy", "x.jpg"])
def test_what_is_in_a_file_decides_not_its_name(tmp_path, name):
    PILImage.fromarray(GREY).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / name)
    image = read_image(tmp_path / name)
    assert np.array_equal(image.pixels, GREY)
    assert image.facts["format"] == "PNG"


def test_other_formats_are_refused(tmp_path):
    PILImage.fromarray(GREY).save(tmp_path / "x.gif")
    (tmp_path / "x.gif").rename(tmp_path / "x.png")
    with pytest.raises(InputError, match="no PNG, JPEG, TIFF, BMP, NPY or DICOM image in it"):
        read_image(tmp_path / "x.png")


def test_a_damaged_compressed_tiff_says_nothing_on_stderr(tmp_path, capfd):
    PILImage.fromarray(COLOUR).save(tmp_path / "x.tif", compression="tiff_adobe_deflate")
    content = bytearray((tmp_path / "x.tif").read_bytes())
    content[20:200] = bytes(180)
    (tmp_path / "x.tif").write_bytes(bytes(content))
    with pytest.raises(InputError):
        read_image(tmp_path / "x.tif")
    assert capfd.readouterr().err == ""
