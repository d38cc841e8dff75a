"""The description of the API at /openapi.json: errors are problem details."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from sameplayer.serve.http.http_errors import PROBLEM


def describe_problems(app: FastAPI) -> None:
    """Have the application's schema declare the media type of errors (RFC 9457)."""
    usual = app.openapi

    def described() -> dict[str, Any]:
        schema = usual()
        for operations in schema["paths"].values():
            for operation in operations.values():
                for status, response in operation["responses"].items():
                    content = response.get("content", {})
                    if int(status) >= 400 and "application/json" in content:
                        content[PROBLEM] = content.pop("application/json")
        return schema

    app.openapi = described  # type: ignore[method-assign]
