"""Every kind of index beside brute force: restricted searches miss nothing, open ones little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medx.core.errors import InputError, UnknownNameError
from retrieval.encoders.base import Fingerprint, normalize
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items
from retrieval.index.kinds import KINDS
from retrieval.index.segment import Segment
from retrieval.store.compact import compact_index

COUNT, DIM = 900, 12
FAST = [kind for kind in KINDS if kind != "flat"]


def clustered(count, seed):
    """Unit vectors around 30 directions that all seeds share."""
    centres = np.random.default_rng(99).normal(size=(30, DIM))
    rng = np.random.default_rng(seed)
    spread = 0.4 * rng.normal(size=(count, DIM))
    return normalize((centres[rng.integers(0, 30, count)] + spread).astype(np.float32))


def make_index(count=COUNT, seed=0, prefix="i"):
    splits = ("train", "val", "test")
    rows = [
        Item(
            id=f"{prefix}{i}", content_hash=f"h{i}", path=f"{i}.png", split=splits[i % 3],
            label=None if i % 7 == 0 else f"c{i % 5}", extra={"age": str(i % 90)},
        )
        for i in range(count)
    ]  # fmt: skip
    items = Items.from_items(rows)
    fingerprint = Fingerprint(name="toy", weights_sha256="0" * 64, preprocessing="", dim=DIM)
    description = IndexDescription(
        name="clustered", encoder=fingerprint, count=count, dataset="d", dataset_source="d",
        splits=items.splits,
    )  # fmt: skip
    return GalleryIndex.from_embeddings(clustered(count, seed), items, description)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """An index folder of each kind over the same images."""
    index = make_index()
    found = {kind: tmp_path_factory.mktemp("kinds") / kind for kind in KINDS}
    for kind, folder in found.items():
        index.save(folder, kind=kind)
    return found


@pytest.fixture(scope="module")
def indexes(folders):
    """An index of each kind; then each with a flat segment behind it and rows removed."""
    whole = {kind: GalleryIndex.load(folder) for kind, folder in folders.items()}
    removed = np.concatenate([np.arange(0, COUNT, 4), np.arange(500, 620)])
    more = make_index(60, seed=5, prefix="more").segments[0]
    changed = {}
    for kind, index in whole.items():
        segments = [index.segments[0].without(np.unique(removed)), more]
        description = index.description.model_copy(update={"count": sum(map(len, segments))})
        changed[f"{kind}, changed"] = GalleryIndex(description, segments)
    return whole | changed


def best(index, queries, top_k, allowed=None):
    """The ``top_k`` best similarities by brute force."""
    similarities = queries @ index.embeddings().T
    if allowed is not None:
        similarities[~np.broadcast_to(allowed, similarities.shape)] = -np.inf
    return -np.sort(-similarities, axis=1)[:, :top_k]


def check_exact(index, queries, top_k, allowed, **restriction):
    found = index.search(queries, top_k, **restriction)
    expected = best(index, queries, top_k, allowed)
    np.testing.assert_allclose(found.similarities, expected, atol=1e-5)
    taken = np.take_along_axis(queries @ index.embeddings().T, found.rows, axis=1)
    np.testing.assert_allclose(found.similarities, taken, atol=1e-5)
    assert all(len(set(row)) == top_k for row in found.rows)


STATES = [state for kind in KINDS for state in (kind, f"{kind}, changed")]


@pytest.mark.parametrize("state", STATES)
@settings(max_examples=12, deadline=None)
@given(
    queries=st.integers(1, 40),
    top_k=st.integers(1, 12),
    split=st.sampled_from(["all", "train", "test"]),
    below=st.sampled_from([None, 2, 9, 45, 90]),
    excluded=st.integers(0, 30),
    seed=st.integers(0, 99),
)
def test_restricted_searches_equal_brute_force(
    indexes, state, queries, top_k, split, below, excluded, seed
):
    index = indexes[state]
    asked = clustered(queries, seed + 100)
    items = index.items
    allowed = np.array([split in ("all", s) for s in items.column("split")])
    where = None if below is None else f"age < {below} and split is not null"
    if below is not None:
        allowed &= np.array([int(age) < below for age in items.column("age")])
    rng = np.random.default_rng(seed)
    banned = [list(rng.choice(items.column("id"), excluded)) for _ in range(queries)]
    each = np.stack([allowed & ~np.isin(items.column("id"), ids) for ids in banned])
    restriction = {"split": split, "where": where, "exclude_ids": banned if excluded else None}
    if each.sum(axis=1).min() >= top_k:
        unrestricted = split == "all" and where is None and not excluded
        check_exact(index, asked, top_k, each, **restriction, exact=unrestricted)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("restriction", ["split", "where", "exclude_ids", "exact"])
def test_each_restriction_alone_is_exact(indexes, state, restriction):
    index = indexes[state]
    asked = clustered(40, 7)
    allowed, value = {
        "split": (np.array(index.items.column("split")) == "val", "val"),
        "where": (np.array(index.items.column("label")) == "c3", "label = 'c3'"),
        "exclude_ids": (np.array(index.items.column("id")) != "i7", [["i7"]] * 40),
        "exact": (np.ones(len(index), bool), True),
    }[restriction]
    check_exact(index, asked, 10, allowed, **{restriction: value})


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("top_k", [1, 10, 25, 100, 500])
def test_open_searches_find_nearly_all_with_true_similarities(indexes, state, top_k):
    index = indexes[state]
    asked = clustered(100, 11)
    found = index.search(asked, top_k)
    taken = np.take_along_axis(asked @ index.embeddings().T, found.rows, axis=1)
    np.testing.assert_allclose(found.similarities, taken, atol=1e-5)
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    assert all(len(set(row)) == top_k for row in found.rows)
    last = best(index, asked, top_k)[:, -1:]
    assert (found.similarities >= last - 1e-6).mean() >= 0.95


@pytest.mark.parametrize("kind", FAST)
def test_removed_neighbours_leave_no_gap(indexes, kind):
    index = indexes[kind]
    asked = clustered(1, 3)
    nearest = index.search(asked, 300, exact=True).rows[0]
    segment = index.segments[0].without(np.sort(nearest))
    rest = GalleryIndex(index.description.model_copy(update={"count": len(segment)}), [segment])
    check_exact(rest, asked, 10, None)


@pytest.mark.parametrize("kind", FAST)
def test_recall_is_measured_stored_and_true(folders, indexes, kind, capfd):
    index = indexes[kind]
    assert (index.description.kind, index.segments[0].kind) == (kind, kind)
    tuning = index.description.segments[0].tuning
    assert tuning == index.description.tuning
    assert tuning.recall.low <= tuning.recall.estimate <= tuning.recall.high
    assert tuning.recall.estimate >= 0.95
    assert tuning.queries == COUNT // 5 // 2
    assert "recall@10" in str(tuning)
    asked = clustered(200, 21)
    found = index.search(asked, 10).similarities
    recall = (found >= best(index, asked, 10)[:, -1:] - 1e-6).mean()
    assert recall == pytest.approx(tuning.recall.estimate, abs=0.04)


def test_kind_is_told_and_compacting_changes_it(tmp_path, capfd):
    index, folder = make_index(300), tmp_path / "x"
    index.save(folder, kind="auto")
    assert GalleryIndex.load(folder).description.kind == "flat"
    vectors = [p.name for p in folder.glob("*.vectors.faiss")]
    result = compact_index(folder, kind="hnsw")
    assert (result.kind, result.tuning.kind) == ("hnsw", "hnsw")
    assert "hnsw with efSearch" in capfd.readouterr().err
    assert [p.name for p in folder.glob("*.vectors.faiss")] == vectors  # not written again
    assert compact_index(folder).kind == "hnsw"
    before = sorted(p.name for p in folder.iterdir())
    assert compact_index(folder, kind="hnsw").kind == "hnsw"
    assert sorted(p.name for p in folder.iterdir()) == before
    assert compact_index(folder, kind="flat").tuning is None
    assert not list(folder.glob("*hnsw*"))


def test_unreachable_recall_is_warned_of(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("retrieval.index.accelerator_build.IVF_CANDIDATES", (10,))
    make_index(300).save(tmp_path / "x", kind="ivf-pq")
    assert "is below 0.95" in capfd.readouterr().err


def test_kinds_that_do_not_fit_are_refused(tmp_path):
    index = make_index(99)
    with pytest.raises(InputError, match="kind ivf-pq needs at least 100 images, got 99") as raised:
        index.save(tmp_path / "x", kind="ivf-pq")
    assert raised.value.hint == "use --kind flat"
    with pytest.raises(UnknownNameError, match="'hnws'") as raised:
        index.save(tmp_path / "x", kind="hnws")
    assert "did you mean 'hnsw'" in raised.value.hint
    assert not (tmp_path / "x" / "index.json").exists()


@pytest.mark.parametrize("kind", FAST)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "longer", "noise", "another kind"])
def test_damaged_accelerators_are_one_clear_line(folders, tmp_path, kind, damage):
    folder = tmp_path / "x"
    make_index().save(folder, kind=kind)
    (path,) = folder.glob(f"*.{kind}-*.faiss")
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "another kind":
        # Of that very size, so that only what is in it can tell.
        other = next(folders["flat"].glob("*.vectors.faiss")).read_bytes()
        path.write_bytes(other[: len(content)].ljust(len(content), b"\0"))
    else:
        noise = np.random.default_rng(0).bytes(len(content))
        changed = {"empty": b"", "cut": content[:-40], "longer": content + b"x", "noise": noise}
        path.write_bytes(changed[damage])
    with pytest.raises(InputError) as raised:
        GalleryIndex.load(folder)
    assert path.name in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "medx retrieve build" in raised.value.hint


def test_graph_with_links_to_nowhere_is_refused(tmp_path):
    folder = tmp_path / "x"
    make_index(300).save(folder, kind="hnsw")
    (path,) = folder.glob("*.hnsw-*.faiss")
    content = path.read_bytes()
    at = content.index(np.full(20, -1, "<i4").tobytes())  # links that are not used
    path.write_bytes(content[:at] + np.int32(10**9).tobytes() + content[at + 4 :])
    with pytest.raises(InputError, match="is damaged"):
        GalleryIndex.load(folder)


def test_accelerator_of_other_vectors_is_refused(indexes):
    hnsw, other = indexes["hnsw"].segments[0], make_index(300).segments[0]
    with pytest.raises(InputError, match="of 900 vectors of dim 12 beside 300 of dim 12"):
        Segment(other.items, other.vectors, accelerator=hnsw.accelerator)


@pytest.mark.parametrize("kind", FAST)
def test_recall_holds_when_most_images_have_left(tmp_path, kind):
    count = 4000
    make_index(count).save(tmp_path / kind, kind=kind)
    whole = GalleryIndex.load(tmp_path / kind)
    removed = np.sort(np.random.default_rng(3).permutation(count)[: count * 9 // 10])
    segment = whole.segments[0].without(removed)
    asked = clustered(200, 12)
    fast, _ = segment.search(asked, 10, exact=False)
    exact, _ = segment.search(asked, 10, exact=True)
    assert np.mean(fast >= exact[:, -1:] - 1e-6) > 0.95
