"""What went wrong, as problem details (RFC 9457): where, expected, found, and what to do."""

from __future__ import annotations

import logging
import traceback
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from sameplayer.errors import (
    ConfigError,
    MissingFile,
    SameplayerError,
    Stale,
    Unavailable,
    WeightsError,
)

logger = logging.getLogger("sameplayer.serve")
LONGEST = 200  # letters of what was found that are said back
PROBLEM = "application/problem+json"
KINDS = {  # headings of pages; titles of the API are those of HTTP
    400: "bad request",
    401: "not allowed without a token",
    403: "not allowed",
    404: "not found",
    405: "method not allowed",
    408: "too slow",
    409: "changed meanwhile",
    413: "too large",
    415: "unsupported kind",
    421: "another host",
    422: "not as expected",
    428: "revision missing",
    429: "too many requests",
    500: "failed",
    503: "busy",
}


class Refused(HTTPException):
    """A request that is answered with an error: its status, and the parts of the message."""

    def __init__(
        self,
        status: int,
        what: str,
        *,
        where: str = "",
        expected: str = "",
        found: str = "",
        hint: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, what, headers)
        said = {
            "what": what,
            "where": where[:LONGEST],
            "expected": expected,
            "found": found[:LONGEST],
            "hint": hint,
        }
        # Halves of characters, which JSON may carry, cannot be sent back as UTF-8.
        self.said = {
            part: text.encode("utf-8", "backslashreplace").decode() for part, text in said.items()
        }


def body_of(refused: Refused) -> dict[str, Any]:
    """Return the JSON of an error: the members of RFC 9457, and ours."""
    status = refused.status_code
    ours = {name: text for name, text in refused.said.items() if name != "what"}
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": refused.said["what"],
        **ours,
    }


def response_of(refused: Refused) -> JSONResponse:
    """Return the answer that tells a program of an error."""
    return JSONResponse(body_of(refused), refused.status_code, refused.headers, PROBLEM)


def as_refused(error: Exception, hide: dict[str, str] | None = None) -> Refused:
    """Return what a caller is told of any error: never a traceback, a path or another's name.

    hide    texts, such as folders, and what stands in their place
    """
    if isinstance(error, Refused):
        return error
    if isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        if headers.get("Allow") == "GET":
            headers["Allow"] = "GET, HEAD"
        return Refused(error.status_code, str(error.detail), headers=headers)
    if isinstance(error, SameplayerError):
        return _of_ours(error, hide or {})
    # The trace without the error's own words, in which names may stand.
    trace = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s\n%s", type(error).__name__, trace)
    return Refused(
        500, "internal server error", hint="tell the operator of the server when it happened"
    )


def _of_ours(error: SameplayerError, hide: dict[str, str]) -> Refused:
    said = str(error)
    for text, instead in sorted(hide.items(), key=lambda one: -len(one[0])):
        said = said.replace(text, instead)
    if isinstance(error, Unavailable):  # where the database is, and why, is for the log alone
        logger.error("%s", error)
        return Refused(
            503,
            "the gallery's database is not available",
            hint="send it again later",
            headers={"Retry-After": "5"},
        )
    if isinstance(error, Stale):
        return Refused(409, said, hint="look again, then decide")
    if isinstance(error, MissingFile):
        return Refused(404, said)
    if isinstance(error, WeightsError) or (type(error) is ConfigError):
        logger.error("%s", said)
    return Refused(422, said)


def stopping() -> Refused:
    """Return the answer to what was still being worked on when the server stopped."""
    return Refused(
        503,
        "the server is stopping",
        hint="send it again later",
        headers={"Connection": "close", "Retry-After": "30"},
    )


def invalid(errors: Any) -> Refused:
    """Return the answer to a request whose parts are not of the declared form."""
    first = dict(next(iter(errors), {}))
    where = ".".join(str(one) for one in first.get("loc", ()))
    found = first.get("input")
    status = 400 if first.get("type") == "json_invalid" else 422
    return Refused(
        status,
        "the request is not of the expected form",
        where=where,
        expected=str(first.get("msg", "")),
        found=f"{type(found).__name__} {found}"
        if isinstance(found, (str, int, float))
        else type(found).__name__,
        hint="see /openapi.json",
    )


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
