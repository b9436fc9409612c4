"""Damaged annotations of every text format: each ends in a dataset or in one clear error."""

import copy
import json
import random
import re
import shutil
from pathlib import Path

import pytest
from test_datasets.layouts import (
    bbbc041_value,
    coco_value,
    labelme_value,
    voc_text,
    write_image,
)

from medx.core.errors import MedxError
from medx.datasets.importers.saving import save_imported
from medx.datasets.importers.sources import read_source
from medx.datasets.manifest_files import load_manifest

#: Inputs a format in the default run: 5 × 300 = 1500.
COUNT = 300
HOSTILE = (
    None, True, -1, 0, 10**400, -1e308, float("inf"), float("nan"), 1.5, "", " ", "x" * 5000, "a|b",
    "../../secret.png", "/etc/passwd", "C:\\x.png", "a:b.png", "\x00", "\ud800", "é\n\u2028",
    "=cmd", [], {}, [[]], [None], {"r": None}, [[1, 2, 3]], "1e999", "NaN", "a.png",
    "x" * 300 + ".png",
)  # fmt: skip

BOXES = {"a.png": [("red cell", 3, 4, 13, 16), ("ring", 20, 5, 30, 15)], "b.png": []}
SHAPES = (("red cell", "polygon", [[3, 4], [13, 4], [13, 16]]), ("c", "circle", [[9, 9], [12, 9]]))
TABLE = (
    'path,label,patient_id,source,split,age\na.png,"x|y",17,north,train,4\n'
    "b.png,z,18,south,valid,\nc.png,z,,,test,3\n"
)
JSON = {
    "coco": coco_value(BOXES, ["red cell", "ring"]),
    "labelme": labelme_value("a.png", *SHAPES),
    "bbbc041-json": bbbc041_value(BOXES),
}


def places(value):
    """Yield every container of a JSON value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def mutate_json(value, rng):
    """Return the text of a JSON value with one to three parts replaced, dropped or doubled."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        found = list(places(value))
        if not found:
            break
        holder, key = rng.choice(found)
        action = rng.random()
        if action < 0.7:
            holder[key] = copy.deepcopy(rng.choice(HOSTILE))
        elif action < 0.85:
            del holder[key]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
    return json.dumps(value).encode()


def mutate_words(text, rng):
    """Return a text with one to three of its words replaced."""
    for _ in range(rng.randint(1, 3)):
        words = re.findall(r">([^<>]+)<" if "<" in text else r"[^,\n]+", text)
        if not words:
            break
        text = text.replace(rng.choice(words), str(rng.choice(HOSTILE)), rng.choice((1, -1)))
    return text.encode(errors="surrogatepass")


def mutate_bytes(data, rng):
    """Return bytes flipped, cut, doubled or ended early."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not data:
            break
        i, j = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        action = rng.random()
        if action < 0.4:
            data[min(i, len(data) - 1)] = rng.randrange(256)
        elif action < 0.6:
            del data[i:j]
        elif action < 0.8:
            data[i:i] = data[i:j][:200]
        else:
            del data[j:]
    return bytes(data)


def mutants(kind, rng):
    """Yield damaged inputs of a format."""
    text = {"voc": voc_text("a.png", *BOXES["a.png"]), "table": TABLE}.get(kind)
    whole = text.encode() if text else json.dumps(JSON[kind]).encode()
    for i in range(COUNT):
        if i % 3 == 0:
            yield mutate_bytes(whole, rng)
        elif text:
            yield mutate_words(text, rng)
        else:
            yield mutate_json(JSON[kind], rng)


@pytest.mark.parametrize("kind", ["voc", "coco", "labelme", "bbbc041-json", "table"])
def test_damaged_input_ends_in_a_dataset_or_one_error(tmp_path, kind):
    for name in "abc":
        write_image(tmp_path / "in" / f"{name}.png", size=(8, 8))
    suffix = {"voc": ".xml", "table": ".csv"}.get(kind, ".json")
    source, output = tmp_path / "in" / f"x{suffix}", tmp_path / "out"
    ends = {"dataset": 0, "error": 0}
    for data in mutants(kind, random.Random(kind)):
        source.write_bytes(data)
        ends[check_end(source, kind, output, data)] += 1
    assert min(ends.values()) > COUNT / 20  # both ends are reached, so that both are tested


def check_end(source: Path, kind: str, output: Path, data: bytes) -> str:
    """Import one input, and read the dataset back when there is one."""
    try:
        save_imported(read_source(str(source), kind), output)
    except MedxError:
        assert not output.exists()
        return "error"
    except Exception as error:
        raise AssertionError(f"{kind} of {data[:2000]!r}") from error
    dataset = load_manifest(output)
    assert all((dataset.root / record.path).is_file() for record in dataset.records)
    assert not any(".." in record.path for record in dataset.records)
    shutil.rmtree(output)
    return "dataset"
