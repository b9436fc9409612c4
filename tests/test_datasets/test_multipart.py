import pytest

from medx.datasets.importers.multipart import only_part

BODY = b"--b\r\nContent-Type: application/dicom\r\n\r\nab\r\n\r\ncd\r\n--b--\r\n"


@pytest.mark.parametrize("boundary", ["b", '"b"', 'b; type="application/dicom"'])
def test_the_part_is_taken_as_it_is(boundary):
    assert only_part(f"multipart/related; boundary={boundary}", BODY) == b"ab\r\n\r\ncd"


@pytest.mark.parametrize("kind", ["application/dicom", "", "nonsense", "multipart/related"])
def test_a_body_without_parts_is_the_whole_file(kind):
    assert only_part(kind, b"DICM") == b"DICM"


@pytest.mark.parametrize("body", [b"", b"--b", b"--b\r\n\r\nno end", b"\r\n\r\n\r\n--b"])
def test_a_broken_body_is_refused(body):
    with pytest.raises(ValueError, match="no part"):
        only_part("multipart/related; boundary=b", body)
