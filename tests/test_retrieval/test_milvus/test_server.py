"""The tests of galleries once more, against a real Milvus."""

import milvus_server
import pytest
from test_retrieval.backends import SERVER

#: What differs most between milvus-lite and a server; all of it takes a quarter of an hour there.
CHOSEN = [
    "tests/test_retrieval/test_milvus/test_filters.py",
    "tests/test_retrieval/test_index/test_gallery_index.py",
]


@pytest.mark.slow
@pytest.mark.skipif(bool(SERVER), reason="the tests are running against a server already")
def test_a_real_milvus_passes_the_same_tests(tmp_path, pytestconfig):
    if reason := milvus_server.why_not():
        pytest.skip(reason)
    paths = [str(pytestconfig.rootpath / path) for path in CHOSEN]
    said = milvus_server.beside_milvus(
        tmp_path / "milvus",
        [*paths, "-q", "-k", "milvus", "-p", "no:cacheprovider", "--rootdir",
         str(pytestconfig.rootpath), "-c", str(pytestconfig.inipath)],
        timeout=900,
    )  # fmt: skip
    assert " passed" in said
