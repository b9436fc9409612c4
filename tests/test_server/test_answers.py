"""Every route answers what library and command answer."""

import base64
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import uploads
from PIL import Image as PILImage
from test_datasets.dicom_files import write_dicom

from medx.case.results import CaseResult
from medx.core.images import read_image
from medx.core.values import Prediction
from medx.server.config import ServeConfig
from medx.server.run import open_bench
from retrieval.search.query import picture
from retrieval.search.results import SearchResult


@pytest.fixture
def content(film):
    return film.read_bytes()


def sent(content, **fields):
    return {"files": {"file": ("x", content)}, "data": fields}


def test_health_and_ready(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"ready": True, "reason": ""}


def test_metadata_says_what_is_loaded(client, warm_bench, two_class):
    said = client.get("/metadata").json()
    assert said["classes"] == ["normal", "pneumonia"]
    assert said["classifier"] == warm_bench.classifier.name
    assert said["operating_point"] == warm_bench.classifier.description.operating_point
    assert (said["dataset"], said["images"], said["synthetic"]) == (two_class.name, 180, True)
    assert said["splits"] == ["test", "train", "val"]
    assert (said["engine"], said["is_mock"]) == ("mock", True)
    assert said["disclaimer"] == "Research use only, not for clinical use."


def test_predict_is_the_classifiers_own(client, warm_bench, content, film):
    (expected,) = warm_bench.classifier.predict(["upload"], [read_image(film).pixels])
    said = client.post("/predict", **sent(content)).json()
    assert_same_prediction(Prediction.model_validate(said["prediction"]), expected)
    assert [row["label"] for row in said["top"]] == [name for name, _ in expected.top(5)]
    assert said["native_size"] == [28, 28]


def test_predict_is_the_commands_own(client, content, film, run_dir, cli):
    ran = cli("classify", "predict", film, "--run", run_dir, "--json")
    (row,) = ran.json["predictions"]
    said = client.post("/predict", **sent(content)).json()["prediction"]
    assert said["probabilities"] == pytest.approx(row["probabilities"], abs=1e-6)
    assert said["label"] == row["label"]
    assert said["conformal_set"] == row["conformal_set"]


def test_top_k_and_frame(client, warm_bench):
    pages = [uploads.square(at=4), uploads.square(at=16)]
    tiff = uploads.tiff_pages(*pages)
    for frame, page in enumerate(pages):
        (expected,) = warm_bench.classifier.predict(["upload"], [page])
        said = client.post("/predict", **sent(tiff, frame=frame, top_k=1)).json()
        assert_same_prediction(Prediction.model_validate(said["prediction"]), expected)
        assert len(said["top"]) == 1
        assert (said["frame"], said["frames"]) == (frame, 2)


@pytest.mark.parametrize("kind", ["dicom", "tiff"])
def test_a_file_of_several_images_tells_how_many_and_shows_each(client, tmp_path, kind):
    pages = [uploads.square(at=4), uploads.square(at=16), uploads.square(at=9)]
    content = uploads.tiff_pages(*pages)
    if kind == "dicom":
        write_dicom(tmp_path / "x.dcm", np.stack(pages))
        content = (tmp_path / "x.dcm").read_bytes()
    said = client.post("/frames", **sent(content, frame=2)).json()
    assert (said["frame"], said["frames"], said["native_size"]) == (2, 3, [28, 28])
    shown = PILImage.open(io.BytesIO(base64.b64decode(said["preview_png"])))
    assert np.array_equal(np.asarray(shown), pages[2])
    assert client.post("/explain", **sent(content, frame=1)).json()["frames"] == 3
    case = client.post("/case", **sent(content, frame=1)).json()
    assert (case["frame"], case["frames"]) == (1, 3)
    assert "Frame 2 of 3" in client.get(f"/cases/{case['case_id']}/view").text
    gone = client.post("/frames", **sent(content, frame=3))
    assert gone.status_code == 422
    assert "has no frame 3" in gone.json()["error"]


def test_text_search_is_the_gallerys_own(client, warm_bench):
    asked = {"text": "pneumonia", "top_k": 7, "split": "train", "where": "label = 'pneumonia'"}
    said = SearchResult.model_validate(client.post("/search/text", json=asked).json())
    expected = warm_bench.gallery.search(
        "pneumonia", top_k=7, split="train", where="label = 'pneumonia'"
    )
    assert said == expected
    assert len(said.hits) == 7


def test_image_search_is_the_gallerys_own(client, warm_bench, content, film):
    said = client.post("/search/image", **sent(content, top_k=3, split="train")).json()
    pixels = read_image(film).pixels
    expected = warm_bench.gallery.search(picture(pixels, "upload"), top_k=3, split="train")
    assert SearchResult.model_validate(said) == expected


def test_a_gallery_of_milvus_answers_what_a_folder_does(
    serving, client, settings, two_class, content, tmp_path, cli
):
    pytest.importorskip("milvus_lite")
    place = {"backend": "milvus", "uri": str(tmp_path / "galleries.db")}
    options = [part for name, value in place.items() for part in (f"--{name}", value)]
    name = json.loads((Path(settings["index"]) / "index.json").read_text())["name"]
    ran = cli("retrieve", "build", "--dataset", two_class, "--encoder", "compact", "--name", name,
              *options)  # fmt: skip
    assert ran.exit_code == 0, ran.stderr
    bench = open_bench(ServeConfig(**settings | {"index": name} | place))
    asked = {"text": "pneumonia", "split": "train", "where": "label = 'pneumonia'"}
    with serving(bench) as other:
        item = client.get("/samples/1/image").content
        for ask in (
            lambda one: one.post("/search/text", json=asked).json(),
            lambda one: one.post("/search/text", json=asked | {"split": "none"}).json()["error"],
            lambda one: one.get("/metadata").json()["columns"],
            lambda one: one.get("/samples/1/image").content == item,
            lambda one: one.get("/items/nobody/image").json()["error"],
            lambda one: one.post("/case", **sent(content)).json()["case"]["neighbours"],
            lambda one: one.get("/samples").json(),
            lambda one: one.get("/search/values").json(),
        ):
            assert same_hits(ask(other)) == same_hits(ask(client))
    assert not bench.gallery.index.items.fetched


def same_hits(found):
    """Leave out what differs in the last place."""
    if isinstance(found, dict) and "hits" in found:
        return [found["searched"], *same_hits(found["hits"])]
    if isinstance(found, list) and isinstance(found[0], dict):
        return [hit["id"] for hit in found]
    return found


def test_explain_is_the_workbenchs_own(client, warm_bench, content, film):
    said = client.post("/explain", **sent(content)).json()
    ((case,), _) = warm_bench.explain([read_image(film).pixels])
    assert said["heatmap"]["peak"] == pytest.approx(case.heatmap.peak)
    assert said["heatmap"]["zone"] == case.heatmap.zone
    layer = PILImage.open(io.BytesIO(base64.b64decode(said["layer_png"])))
    assert (layer.mode, layer.size) == ("RGBA", (28, 28))


def test_case_is_the_workbenchs_own(client, warm_bench, content, film):
    said = client.post("/case", **sent(content)).json()
    expected = warm_bench.study(film, name="upload")
    own = CaseResult.model_validate(said["case"])
    unlike = {"seconds", "created", "report"}
    assert own.model_dump(exclude=unlike) == expected.result.model_dump(exclude=unlike)
    assert own.report.text == expected.result.report.text
    shown = PILImage.open(io.BytesIO(base64.b64decode(said["image_png"])))
    assert np.array_equal(np.asarray(shown), expected.pixels)


def test_a_strategy_can_be_chosen(client, content):
    said = client.post("/case", **sent(content, strategy="concise")).json()
    assert said["case"]["report"]["strategy"] == "concise"


def test_report_streams_steps_then_the_case(client, content):
    answer = client.post("/report", **sent(content))
    assert answer.headers["content-type"] == "application/x-ndjson"
    *steps, last = [json.loads(line) for line in answer.text.splitlines()]
    assert [step["step"] for step in steps] == [
        "reading", "prediction", "heat-map", "similar cases", "report",
    ]  # fmt: skip
    assert last["answer"]["case"]["report"]["is_mock"]


def test_item_image_is_the_indexed_one(client, two_class):
    name = "train-normal-000"
    said = PILImage.open(io.BytesIO(client.get(f"/items/{name}/image").content))
    assert np.array_equal(np.asarray(said), read_image(two_class / f"images/{name}.png").pixels)
    small = PILImage.open(io.BytesIO(client.get(f"/items/{name}/image?size=16").content))
    assert small.size == (16, 16)


def test_metrics_count_by_pattern(client):
    client.get("/items/nobody-of-that-name/image")
    client.get("/made/up/by/a/client")
    text = client.get("/metrics").text
    assert 'route="/items/{item_id:path}/image",status="404"' in text
    assert 'route="other",status="404"' in text
    assert "nobody-of-that-name" not in text
    assert "made/up" not in text


def test_requests_at_once_get_the_answers_of_one_by_one(serve, warm_bench):
    client = serve(batch_size=8)
    films = [uploads.square(size=20 + i, seed=i, at=4 + i % 9) for i in range(24)]
    contents = [uploads.png(pixels) for pixels in films]
    expected = [warm_bench.classifier.predict(["upload"], [pixels])[0] for pixels in films]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda c: client.post("/predict", **sent(c)).json(), contents))
    for answer, own in zip(answers, expected, strict=True):
        assert_same_prediction(Prediction.model_validate(answer["prediction"]), own)


def test_heat_maps_drawn_at_once_are_those_of_their_images(client, warm_bench):
    """Explaining and studying hook into a network each; they must not share one."""
    films = [uploads.square(seed=i, at=4 + 9 * (i % 2)) for i in range(6)]
    expected = {
        i: warm_bench.explain([pixels])[0][0].heatmap.peak for i, pixels in enumerate(films)
    }

    def explained(i):
        return i, client.post("/explain", **sent(uploads.png(films[i]))).json()["heatmap"]

    def studied(i):
        answer = client.post("/case", **sent(uploads.png(films[i])))
        return i, answer.json()["case"]["heatmap"]

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(ask, i) for i in range(6) for ask in (explained, studied)]
        found = [job.result() for job in jobs]
    for i, heatmap in found:
        peak = None if heatmap is None else heatmap["peak"]
        assert peak == (None if expected[i] is None else pytest.approx(expected[i]))


def test_health_answers_while_work_goes_on(client, content):
    with ThreadPoolExecutor(8) as pool:
        at_work = [pool.submit(client.post, "/case", **sent(content)) for _ in range(4)]
        seconds = []
        while not all(job.done() for job in at_work):
            started = time.perf_counter()
            assert client.get("/health").status_code == 200
            seconds.append(time.perf_counter() - started)
    assert all(job.result().status_code == 200 for job in at_work)
    assert len(seconds) > 4  # it did not wait for them


def assert_same_prediction(found, expected):
    unlike = {"probabilities", "ood_score"}
    assert found.model_dump(exclude=unlike) == expected.model_dump(exclude=unlike)
    assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert found.ood_score == pytest.approx(expected.ood_score, rel=1e-4)
