from dataclasses import replace

import numpy as np
import pytest
from test_datasets.audit_data import clean_images, draw_image, record_of, write_records

from medx.datasets.audit import scan as scanning
from medx.datasets.audit.audit import audit_dataset
from medx.datasets.audit.scan import scan_dataset
from medx.datasets.catalog import load_dataset
from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.dataset import write_phantom_dataset


def by_check(audit):
    return {finding.check: finding for finding in audit.findings}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return write_records(tmp_path_factory.mktemp("data") / "clean", clean_images())


def test_clean_data_has_neither_errors_nor_warnings(clean):
    audit = audit_dataset(clean)
    assert [f.check for f in audit.findings if f.severity != "info"] == []
    assert (audit.records, audit.readable) == (160, 160)
    assert audit.splits == {"train": 80, "val": 40, "test": 40}
    assert audit.sizes == {"64×64": 160}
    assert audit.kinds == {"PNG, L, grey": 160}
    assert sum(count.images for count in audit.counts) == 160


def test_clean_phantoms_have_neither_errors_nor_warnings(tmp_path):
    write_phantom_dataset(PhantomConfig(count=80, size=96, seed=5), tmp_path / "phantoms")
    audit = audit_dataset(load_dataset(str(tmp_path / "phantoms")))
    assert [f.check for f in audit.findings if f.severity != "info"] == []
    assert audit.synthetic


def test_histograms_are_means_of_shares(clean):
    histograms = audit_dataset(clean, near_duplicates=False).histograms
    assert set(histograms["label"]) == {"healthy", "ill"}
    assert set(histograms["source"]) == {"north", "south"}
    for kind in histograms.values():
        for shares in kind.values():
            assert sum(shares) == pytest.approx(1, abs=2e-3)
            assert sum(shares[:10]) == 0  # nothing is darker than 40


def test_pneumoniamnist_shows_its_duplicates(real_data):
    audit = audit_dataset(load_dataset("pneumoniamnist", data_dir=real_data, download=False))
    found = by_check(audit)
    assert found["duplicates"].counts == {"train": 18, "test": 3}
    assert found["duplicates-across-splits"].counts == {"train+val": 8}
    assert found["duplicates-across-splits"].severity == "error"
    assert "conflicting-labels" not in found
    assert "near-duplicates-across-splits" not in found


def test_unreadable_files_are_named_without_the_folder_they_are_in(tmp_path):
    dataset = write_records(tmp_path / "d", clean_images(8))
    (tmp_path / "d" / "i003.png").write_bytes(b"junk")
    audit = audit_dataset(dataset)
    finding = by_check(audit)["unreadable"]
    assert (finding.severity, finding.count, audit.readable) == ("error", 1, 7)
    assert finding.instances[0].ids == ["i003"]
    assert str(tmp_path) not in audit.model_dump_json()


def test_nothing_readable_is_still_an_audit(tmp_path):
    dataset = write_records(tmp_path / "d", clean_images(4))
    for path in (tmp_path / "d").glob("*.png"):
        path.unlink()
    audit = audit_dataset(dataset)
    assert by_check(audit)["unreadable"].count == 4
    assert audit.readable == 0


def test_blank_images_are_found_and_resemble_nothing(tmp_path):
    images = clean_images(8)
    for i, level in ((2, 0), (5, 128), (6, 130)):
        images[i] = (images[i][0], np.full((64, 64), level, np.uint8))
    found = by_check(audit_dataset(write_records(tmp_path / "d", images)))
    assert [i.ids for i in found["blank"].instances] == [["i002"], ["i005"], ["i006"]]
    assert not {"near-duplicates", "near-duplicates-across-splits"} & found.keys()


def test_labels_that_are_no_class_and_classes_never_trained_on(tmp_path):
    images = clean_images(32)
    images[0] = (replace(images[0][0], label="il"), images[0][1])
    images[1] = (replace(images[1][0], label="none"), images[1][1])
    images[-1] = (replace(images[-1][0], label="rare", split="test"), images[-1][1])
    dataset = write_records(tmp_path / "d", images, classes=("healthy", "ill", "rare"))
    found = by_check(audit_dataset(dataset))
    assert [(i.ids, i.detail) for i in found["unknown-labels"].instances] == [(["i000"], "il")]
    assert found["classes-missing-from-train"].counts == {"rare": 1}


def test_what_could_not_be_checked_is_said(tmp_path):
    bare = {"label": None, "split": None, "group": None, "source": None}
    images = [(record_of(i, **bare), draw_image(i)) for i in range(4)]
    lines = audit_dataset(write_records(tmp_path / "d", images), near_duplicates=False).not_checked
    assert len(lines) == 6
    assert any("group" in line for line in lines)
    assert any("smaller than 96 pixels" in line for line in lines)


def test_processes_see_what_one_process_sees(clean, monkeypatch):
    alone = scan_dataset(clean)
    monkeypatch.setattr(scanning, "WORTH_CHILDREN", 0)
    monkeypatch.setattr(scanning, "choose_workers", lambda work, each: 2)
    together = scan_dataset(clean)
    assert together.contents == alone.contents
    assert together.records == alone.records
    assert np.array_equal(together.thumbnails, alone.thumbnails)
