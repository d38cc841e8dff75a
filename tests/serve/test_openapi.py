"""The description of the API says what the server does."""

from __future__ import annotations

import pytest

from sameplayer.serve.http.http_errors import PROBLEM
from tests.serve.test_api import error


def test_every_error_is_declared_as_problem_details(app) -> None:
    described = app.openapi()
    assert described is app.openapi()
    for operations in described["paths"].values():
        for operation in operations.values():
            errors = {name: one for name, one in operation["responses"].items() if name >= "400"}
            assert {"401", "404", "405", "409", "421", "422", "500", "503"} <= set(errors)
            for one in errors.values():
                assert list(one["content"]) == [PROBLEM]
    assert set(described["components"]["schemas"]["Problem"]["properties"]) == {
        "type",
        "title",
        "status",
        "detail",
        "where",
        "expected",
        "found",
        "hint",
    }


def test_no_error_leads_to_a_page_that_is_not_there(client, address) -> None:
    said = error(client("read").get(f"{address}/persons", params={"most": "x"}), 422)
    assert said["hint"] == "see /openapi.json"
    assert client().get("/openapi.json").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/login", "/static/style.css", "{address}/persons"])
def test_head_is_answered_where_get_is_and_without_a_body(client, address, path) -> None:
    reader, there = client("read"), path.format(address=address)
    whole, head = reader.get(there), reader.head(there)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    refused = reader.delete(there)
    assert refused.status_code == 405
    assert "HEAD" in refused.headers["allow"]


def test_head_changes_nothing_and_is_refused_where_there_is_no_get(client, address) -> None:
    assert client("query").head(f"{address}/ask").status_code == 405
