"""Uploads and parameters that mean harm: each is refused in one line, and nothing else happens."""

import zipfile
from io import BytesIO

import numpy as np
import pytest
import uploads
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from medx.server.uploads import decode

GOOD = uploads.png(uploads.square())
GOOD_DICOM = uploads.dicom(uploads.square(64))
LARGE = np.zeros((600, 600), np.uint8)


def slipped() -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../../../tmp/medx-slipped.npy", uploads.npy_header((3, 3)))
        archive.writestr("/etc/medx-slipped.npy", uploads.npy_header((3, 3)))
    return stream.getvalue()


FILES = {
    "empty": b"",
    "text": b"this is no image",
    "page": b"<html><script>alert(1)</script></html>",
    "zeros": bytes(100_000),
    "cut PNG": GOOD[:200],
    "head of a PNG": GOOD[:20],
    "cut DICOM": GOOD_DICOM[:-500],
    "head of a DICOM": GOOD_DICOM[:140],
    "PNG of 3.6 gigapixels": uploads.png_bomb(),
    "PNG of many pixels and few bytes": uploads.png_bomb(9_000),
    "ZIP bomb": uploads.zip_bomb(),
    "ZIP bomb of another kind": uploads.zip_bomb("x.txt"),
    "ZIP with slipped names": slipped(),
    "NPZ of pickles": uploads.npz(image=np.array([{"a": 1}], dtype=object)),
    "NPY of pickles": uploads.npz(image=np.array([print], dtype=object))[:400],
    "two arrays": uploads.npz(a=LARGE, b=LARGE),
    "NPY of 2^40 pixels": uploads.npy_header((1 << 20, 1 << 20)),
    "NPY of 2^62 frames": uploads.npy_header((1 << 62, 28, 28)),
    "NPY that promises more": uploads.npy_header((5000, 5000)),
    "DICOM of 4 gigapixels": uploads.dicom(LARGE, Rows=65535, Columns=65535),
    "DICOM of many frames": uploads.dicom(LARGE, NumberOfFrames=2_000_000_000),
    "DICOM of fewer frames than none": uploads.dicom(LARGE, NumberOfFrames=-1),
    "DICOM that promises more": uploads.dicom(LARGE, Rows=6000, Columns=600),
    "DICOM without pixels": uploads.dicom(LARGE, Rows=0, Columns=0),
    "DICOM bomb": uploads.dicom(np.zeros((17_000, 17_000), np.uint8), deflated=True),
}  # fmt: skip


@pytest.fixture(scope="module")
def files():
    return FILES


@pytest.mark.parametrize("kind", list(FILES))
def test_a_bad_file_is_refused_and_the_server_stays(client, kind):
    answer = client.post("/predict", files={"file": ("image.png", FILES[kind], "image/png")})
    assert answer.status_code == 422, (kind, answer.text)
    said = answer.json()
    assert said["error"]
    assert said["hint"]
    assert len(answer.content) < 1000
    assert "/proc" not in answer.text
    assert "memfd" not in answer.text
    good = client.post("/predict", files={"file": GOOD})
    assert good.status_code == 200


def test_a_comment_that_inflates_is_bounded(client):
    answer = client.post("/predict", files={"file": uploads.text_bomb()})
    assert answer.status_code in (200, 422)


def test_what_a_file_holds_decides_not_what_it_is_called(client):
    for name, kind in [("x.dcm", "application/dicom"), ("x.html", "text/html"), ("x", "")]:
        answer = client.post("/predict", files={"file": (name, GOOD, kind)})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "a\0b.png", "x" * 5000, "..", "", "C:\\x.png", "ü\udc80",
     "Meyerbeer^Aurelia.dcm", '"; filename="y"', "%2e%2e%2f", "\u202egnp.exe"],
)  # fmt: skip
def test_the_name_of_a_file_is_never_used(client, name):
    encoded = name.encode("utf-8", "surrogateescape")
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + encoded
    body += b'"\r\nContent-Type: image/png\r\n\r\n' + GOOD + b"\r\n--b--\r\n"
    answer = client.post(
        "/predict", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code in (200, 400, 422)
    for hint in ("passwd", "Meyerbeer", "gnp.exe", "C:\\\\"):
        assert hint not in answer.text


@pytest.mark.parametrize(
    "item",
    ["../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "a%00b",
     "%ff%fe", "x" * 3000, "/etc/passwd", ".", "http://127.0.0.1/x.png", "images/x.png",
     "train-normal-000%00", "TRAIN-NORMAL-000"],
)  # fmt: skip
def test_only_indexed_ids_are_images(client, item):
    answer = client.get(f"/items/{item}/image")
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "train-normal" not in answer.text.replace("train-normal-000", "", 1)


@pytest.mark.parametrize("size", ["0", "-1", "1e9", "NaN", "99999999999999999999", "", "x"])
def test_sizes_have_bounds(client, size):
    assert client.get(f"/items/train-normal-000/image?size={size}").status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"null", 422),
        (b"[1]", 422),
        (b'{"text": NaN}', 422),
        (b'{"text": "x", "top_k": NaN}', 422),
        (b'{"text": "x", "top_k": Infinity}', 422),
        (b'{"text": "x", "top_k": 1e999}', 422),
        (b'{"text": "x", "top_k": -1}', 422),
        (b'{"text": "x", "top_k": 1' + b"0" * 5000 + b"}", None),
        (b'{"text": "x", "more": 1}', 422),
        (b'{"text": ""}', 422),
        (b'{"text": "   "}', 422),
        (b'{"text": "' + b"x" * 2000 + b'"}', 422),
        (b'{"text": "\\ud800"}', 422),
        (b'{"text": "x", "\\ud800": 1}', 422),
        (b'{"text": "x", "split": "\\udfff"}', 422),
        (b'{"text": "x", "where": "\\ud800"}', 422),
        (b'\xff\xfe{"text": "x"}', None),
        (b'{"text": "\xff"}', None),
        (b"[" * 100_000, None),
        (b'{"text":' * 50_000, None),
        (b'{"text": ' + b"[" * 900 + b"]" * 900 + b"}", 422),
        (b'{"text": "x", "where": "' + b"(" * 900 + b'"}', 422),
        (b'{"text": "x", "where": "' + b"not " * 200 + b'label is null"}', None),
        (b'{"text": "x", "where": "id like \'' + b"%_" * 300 + b"'\"}", None),
        (b'{"text": "x", "where": "\'; drop table items"}', 422),
        (b'{"text": "x", "split": "../../etc"}', 422),
        (b'{"text": "x", "top_k": 200}', None),
        (b'{"text": "\\u0000"}', None),
    ],
)
def test_odd_json_is_no_servers_fault(client, body, status):
    answer = client.post("/search/text", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status or (status is None and answer.status_code < 500)
    if answer.status_code >= 400:
        assert answer.json()["error"]
        assert len(answer.content) < 2500


def test_json_must_be_called_json(client):
    asked = {"content": b'{"text": "x"}'}
    for kind in ("text/plain", "application/x-www-form-urlencoded"):  # what foreign pages may send
        answer = client.post("/search/text", headers={"Content-Type": kind}, **asked)
        assert answer.status_code == 422


@pytest.mark.parametrize(
    "fields",
    [{"top_k": "0"}, {"top_k": "1e3"}, {"top_k": "x" * 10_000}, {"frame": "-1"}, {"frame": "7"},
     {"frame": "1" * 30}],
)  # fmt: skip
def test_odd_fields_are_no_servers_fault(client, fields):
    answer = client.post("/predict", files={"file": GOOD}, data=fields)
    assert answer.status_code == 422
    assert len(answer.content) < 1000


@pytest.mark.parametrize("strategy", ["../concise", "/etc/passwd", "x.yaml", "Concise", "none"])
def test_a_strategy_is_a_name_never_a_file(client, strategy):
    for path in ("/case", "/report"):
        answer = client.post(path, files={"file": GOOD}, data={"strategy": strategy})
        assert answer.status_code == 422
        assert "root:" not in answer.text


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "hex", "idna", "undefined", "no"])
def test_odd_encodings_of_fields(client, charset):
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'
        for name, value in [("where", "\\ud800 = 1"), ("split", "\\ud800+2AA-")]
    ]
    body = "".join(f"--b\r\n{part}\r\n" for part in parts).encode()
    body += b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + GOOD
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    answer = client.post(
        "/search/image", content=body + b"\r\n--b--\r\n", headers={"Content-Type": kind}
    )
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=600), start=st.sampled_from([b"", GOOD[:60], GOOD_DICOM[:400]]))
def test_any_bytes_are_an_image_or_refused(client, content, start):
    answer = client.post("/predict", files={"file": start + content})
    assert answer.status_code in (200, 422)


def test_an_upload_reads_as_its_file_does(film):
    from medx.core.images import read_image

    expected, found = read_image(film), decode(film.read_bytes())
    assert np.array_equal(found.image.pixels, expected.pixels)
    assert found.image.facts == expected.facts
    assert (found.frame, found.frames) == (0, 1)
