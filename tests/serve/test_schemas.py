"""What callers send as JSON: no body costs more than a walk over it, and none breaks the answer."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from sameplayer.errors import SettingError
from sameplayer.serve.api.requests import (
    AskBase64In,
    AskVectorsIn,
    EnrolBase64In,
    EnrolVectorsIn,
    Given,
    SplitIn,
)
from sameplayer.serve.http.limits import MOST_ITEMS, Limits
from tests.serve.test_api import error

MANY = 100_000
WRONG: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (AskVectorsIn, {"vectors": [1] * MANY}),
    (AskVectorsIn, {"vectors": [["a"] * 8000] * 20}),
    (AskVectorsIn, {"vectors": [[]] * MANY}),
    (AskVectorsIn, {"vectors": [[1.0]], **{str(at): 1 for at in range(MANY)}}),
    (AskVectorsIn, {"vectors": [[1.0]], "where": {str(at): 1 for at in range(MANY)}}),
    (AskBase64In, {"pictures": [1] * MANY}),
    (AskBase64In, {"pictures": ["a"] * MANY}),
    (EnrolVectorsIn, {"name": "A", "vectors": [{}] * MANY}),
    (EnrolBase64In, {"name": "A", "pictures": [None] * MANY}),
    (SplitIn, {"name": "A", "pictures": ["a"] * MANY}),
]


@pytest.mark.parametrize(("model", "body"), WRONG)
def test_a_wrong_body_is_one_error_however_much_is_wrong(model, body) -> None:
    tracemalloc.start()
    with pytest.raises(ValidationError) as found:
        model.model_validate(body)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.value.error_count() == 1
    assert most < 200_000


def test_every_list_of_every_body_has_a_bound(app) -> None:
    def lists(schema: Any) -> list[dict[str, Any]]:
        if isinstance(schema, list):
            return [found for one in schema for found in lists(one)]
        if not isinstance(schema, dict):
            return []
        own = [schema] if schema.get("type") == "array" else []
        return own + [found for one in schema.values() for found in lists(one)]

    def bodies(model: type) -> list[type]:
        return [found for one in model.__subclasses__() for found in (one, *bodies(one))]

    models = bodies(Given)
    found = [one for model in models for one in lists(model.model_json_schema())]  # type: ignore[attr-defined]
    assert len(models) > 10
    assert len(found) > 5
    assert all(one["maxItems"] <= 8192 for one in found)
    with pytest.raises(SettingError, match="crops is 1001"):
        Limits(crops=MOST_ITEMS + 1)


def test_a_megabyte_of_wrong_items_is_refused_by_the_first(client, address) -> None:
    one = client("query")
    one.headers["Content-Type"] = "application/json"
    body = b'{"vectors":[' + b"1," * 490_000 + b"1]}"
    said = error(one.post(f"{address}/ask/vectors", content=body), 422)
    assert (said["where"], said["found"]) == ("body.vectors.0", "int 1")


@pytest.mark.parametrize(
    "body", ['{"name":"\\ud800"}', '{"name":"A","\\ud800":1}', '{"name":["\\udfff"]}', '"\\ud800"']
)
def test_half_characters_are_refused_and_said_back_as_text(client, address, body: str) -> None:
    one = client("read")
    one.headers["Content-Type"] = "application/json"
    said = error(one.post(f"{address}/persons/find", content=body), 422)
    json.dumps(said, ensure_ascii=False).encode()
