"""The OpenAPI document is valid, complete, and kept to by the server."""

import json

import pytest
import schemathesis
import uploads
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import TypeAdapter
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema  # before servers have threads

from medx.core.values import Prediction
from medx.server import examples
from medx.server.problems import Problem
from medx.server.routes.frames import Frames
from medx.server.routes.operations import Health, Metadata, Readiness
from medx.server.routes.prediction import Predicted
from medx.server.routes.studying import Explained, Progress
from retrieval.search.results import SearchResult

ROUTES = {
    "/health", "/ready", "/metadata", "/metrics", "/predict", "/explain", "/search/text",
    "/search/image", "/search/values", "/report", "/case", "/items/{item_id}/image", "/samples",
    "/frames", "/samples/{number}/image", "/cases/{case_id}/view",
    "/cases/{case_id}/exports/{form}",
}  # fmt: skip
UPLOAD = uploads.png(uploads.square())


@pytest.fixture(scope="session")
def document(client):
    return client.get("/openapi.json").json()


@pytest.fixture
def schema(document, port) -> OpenApiSchema:
    """The document, with an image where it asks for a file."""
    loaded = schemathesis.openapi.from_dict(document)
    loaded.config.update(base_url=f"http://127.0.0.1:{port}")
    return loaded


def operations(document):
    return {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_is_valid(document):
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(document)


def test_every_route_is_in_it(document):
    assert set(document["paths"]) == ROUTES


def test_every_operation_is_described(document):
    found = operations(document)
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)
    for where, operation in found.items():
        assert operation["description"], where
        assert operation["tags"], where
        for status, response in operation["responses"].items():
            assert response["description"], (where, status)
            if int(status) >= 400:
                assert list(response["content"]) == ["application/json"], (where, status)
                assert "schema" in response["content"]["application/json"], (where, status)
        assert "HTTPValidationError" not in json.dumps(operation)
        for parameter in operation.get("parameters", []):
            assert parameter.get("description") or parameter["required"], where


def test_references_lead_somewhere(document):
    text = json.dumps(document)
    for name in {part.partition('"')[0] for part in text.split('"$ref": "')[1:]}:
        target = document
        for key in name.removeprefix("#/").split("/"):
            target = target[key]


def test_a_token_is_asked_for_where_it_is_needed(serve):
    client = serve(token="t")
    answer = client.get("/openapi.json")
    assert answer.status_code == 401
    document = client.get("/openapi.json", headers={"Authorization": "Bearer t"}).json()
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["paths"]["/health"]["get"]["security"] == []
    assert "security" not in document["paths"]["/predict"]["post"]


def test_examples_are_answers():
    for model, example in [
        (Health, examples.HEALTH), (Readiness, examples.READY), (Readiness, examples.LOADING),
        (Metadata, examples.METADATA), (Prediction, examples.PREDICTION),
        (Predicted, examples.PREDICTED), (Explained, examples.EXPLAINED),
        (Frames, examples.FRAMES), (SearchResult, examples.SEARCHED), (Progress, examples.STEP),
        (Problem, examples.problem_example("an error", None)),
    ]:  # fmt: skip
        TypeAdapter(model).validate_python(example)


def test_examples_are_in_the_document(document):
    for (path, _), operation in operations(document).items():
        for status, response in operation["responses"].items():
            for kind, content in response.get("content", {}).items():
                if kind == "application/json" and path not in {"/case", "/samples"}:
                    assert "example" in content or path == "/search/values", (path, status)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"), ("GET", "/ready"), ("GET", "/metadata"), ("GET", "/metrics"),
        ("GET", "/samples"), ("GET", "/search/values"), ("GET", "/samples/{number}/image"),
        ("GET", "/items/{item_id}/image"), ("GET", "/cases/{case_id}/view"),
        ("POST", "/search/text"), ("POST", "/search/image"), ("POST", "/predict"),
        ("POST", "/frames"), ("POST", "/explain"), ("POST", "/case"), ("POST", "/report"),
        ("POST", "/cases/{case_id}/exports/{form}"),
    ],
)  # fmt: skip
def test_the_server_keeps_to_it(schema, method, path):
    """Whatever schemathesis makes of an operation, valid or not, is answered as described."""
    operation = schema[path][method]

    @settings(
        max_examples=3 if path in {"/case", "/report", "/explain"} else 10,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def keeps(case):
        if isinstance(case.body, dict) and case.body.get("file"):
            case.body["file"] = UPLOAD
        response = case.call()
        assert response.status_code < 500
        # No schema says which bytes are an image, or which words a condition on columns.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    keeps()
