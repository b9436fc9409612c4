from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.contingency import association as scipy_association
from test_datasets.audit_data import clean_images, draw_image, record_of, write_records

from medx.datasets.audit.association import associate, cramers_v
from medx.datasets.audit.audit import audit_dataset

tables = st.lists(st.lists(st.integers(1, 40), min_size=3, max_size=3), min_size=2, max_size=4)


@given(tables)
@settings(deadline=None)
def test_cramers_v_is_that_of_scipy_less_its_bias(rows):
    table = np.array(rows)
    plain = scipy_association(table, method="cramer", correction=False)
    assert 0 <= cramers_v(table) <= plain + 1e-3
    assert cramers_v(table * 10_000) == pytest.approx(plain, abs=0.01)
    assert cramers_v(table.T) == pytest.approx(cramers_v(table))


def test_independent_labels_have_an_even_p_value():
    rng = np.random.default_rng(0)
    links = [
        associate("source", rng.choice(["a", "b"], 60), rng.choice(["x", "y"], 60))
        for _ in range(40)
    ]
    assert 0.3 < np.mean([link.p_value for link in links]) < 0.75
    assert np.mean([link.cramers_v for link in links]) < 0.15


def test_a_class_that_is_a_hospital_is_told_from_it_perfectly():
    link = associate("source", ["A"] * 30 + ["B"] * 60, ["tb"] * 30 + ["normal", "cancer"] * 30)
    told = {c.label: c for c in link.classes}
    assert told["tb"].balanced_accuracy == 1
    assert (told["tb"].typical, told["tb"].share_of_class, told["tb"].share_of_value) == ("A", 1, 1)
    assert told["normal"].balanced_accuracy == pytest.approx(0.75)
    assert link.p_value == pytest.approx(1 / 200)


def test_every_label_of_an_image_counts():
    labels = ["a|b"] * 20 + ["b"] * 20
    link = associate("source", ["x"] * 20 + ["y"] * 20, labels)
    assert [c.label for c in link.classes] == ["a"]  # every image has b
    assert link.classes[0].balanced_accuracy == 1


def test_patients_are_permuted_whole():
    # Two patients of fifty images each are two observations, not a hundred.
    values, labels, groups = (["a"] * 50 + ["b"] * 50, ["x"] * 50 + ["y"] * 50, ["p"] * 50)
    groups = groups + ["q"] * 50
    assert associate("source", values, labels, groups).p_value > 0.3
    assert associate("source", values, labels).p_value < 0.01


def test_a_value_for_each_image_explains_nothing():
    assert associate("image size", [str(i) for i in range(40)], ["x", "y"] * 20) is None


def test_one_class_or_unequal_lengths():
    assert associate("source", ["a", "b"] * 9, ["x"] * 18) is None
    with pytest.raises(ValueError, match="one length"):
        associate("source", ["a"], ["x", "y"])


def tint(pixels, source):
    """Give each hospital its grey scale, as scanners do."""
    return (pixels * 0.6 + (60 if source == "south" else 0)).astype(np.uint8)


def hospital_images():
    images = []
    for record, pixels in clean_images(160):
        source = "south" if record.label == "ill" else "north"
        images.append((replace(record, source=source), tint(pixels, source)))
    return images


def test_a_label_that_is_nearly_a_hospital_is_said_plainly(tmp_path):
    audit = audit_dataset(write_records(tmp_path / "d", hospital_images()))
    found = {f.check: f for f in audit.findings}
    warning = found["label-follows-source"]
    assert warning.severity == "warning"
    assert "'ill' is nearly the hospital or scanner 'south'" in warning.sentence
    assert "can be told from the image" in warning.sentence
    assert "--holdout source=" in warning.advice
    assert audit.source_probe.balanced_accuracy.estimate > 0.9


def test_sources_that_look_alike_cannot_be_told(tmp_path):
    audit = audit_dataset(write_records(tmp_path / "d", clean_images(160)))
    probe = audit.source_probe
    assert probe.sources == ["north", "south"]
    assert probe.balanced_accuracy.low < 0.6
    assert "source-visible" not in {f.check for f in audit.findings}


def test_a_visible_source_alone_is_only_told(tmp_path):
    images = [(record, tint(pixels, record.source)) for record, pixels in clean_images(160)]
    audit = audit_dataset(write_records(tmp_path / "d", images))
    assert {f.check: f.severity for f in audit.findings} == {"source-visible": "info"}


def test_patients_of_one_image_style_do_not_fool_the_probe(tmp_path):
    # Ten patients with many images each: recognising the patient must not count.
    images = []
    for i in range(120):
        patient = i // 12
        pixels = (draw_image(1000 + patient) * 0.9 + draw_image(i) * 0.1).astype(np.uint8)
        source = ("north", "south")[patient % 2]
        images.append((record_of(i, group=f"p{patient}", source=source, split=None), pixels))
    audit = audit_dataset(write_records(tmp_path / "d", images), near_duplicates=False)
    assert audit.source_probe.balanced_accuracy.low < 0.6


def test_a_class_stored_in_another_size_is_a_shortcut(tmp_path):
    images = [
        (record, draw_image(i, 64 if record.label == "ill" else 72))
        for i, (record, _) in enumerate(clean_images(64))
    ]
    found = {f.check: f for f in audit_dataset(write_records(tmp_path / "d", images)).findings}
    assert (
        "the image size: 'healthy' is nearly '72×72' (100% of the class have it"
        in found["label-follows-image-size"].sentence
    )
    assert "'ill' is nearly '64×64'" in found["label-follows-image-size"].sentence
