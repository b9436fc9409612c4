import shutil
from dataclasses import replace

from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Box
from medx.datasets.manifest_files import save_dataset
from retrieval.index.origin import dataset_digest, dataset_source


def test_dataset_source_leads_back(two_class):
    dataset = load_dataset(str(two_class))
    assert load_dataset(dataset_source(dataset)).records == dataset.records


def test_a_digest_is_of_rows_and_files_and_not_of_the_place(two_class, tmp_path):
    dataset = load_dataset(str(two_class))
    copy = load_dataset(str(shutil.copytree(two_class, tmp_path / "copy")))
    assert dataset_digest(copy) == dataset_digest(dataset)
    (tmp_path / "copy" / dataset.records[0].path).write_bytes(b"")
    assert dataset_digest(copy) != dataset_digest(dataset)


def test_a_digest_knows_what_is_indexed_and_ignores_the_rest(two_class, tmp_path):
    dataset = load_dataset(str(two_class))
    first, *others = dataset.records
    relabelled = replace(dataset, records=(replace(first, label="other"), *others))
    noted = replace(dataset, records=(replace(first, extra={"note": "seen"}), *others))
    box = Box(label="mass", x=0, y=0, width=2, height=2)
    boxed = replace(dataset, records=(replace(first, boxes=(box,)), *others))
    assert dataset_digest(relabelled) != dataset_digest(dataset)
    assert dataset_digest(noted) != dataset_digest(dataset)
    save_dataset(boxed, tmp_path)  # by reference to the same images
    assert dataset_digest(load_dataset(str(tmp_path))) == dataset_digest(dataset)
