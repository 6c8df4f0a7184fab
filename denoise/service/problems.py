"""What went wrong, as programs read it: problem details (RFC 9457) whose detail is the sentence that a person reads."""

import errno
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

from denoise.image import PhotoError
from denoise.runtime import ModelError
from denoise.ui import texts

UNKNOWN_PARAMETER = "there is no such parameter"
MEDIA_TYPE = "application/problem+json"

_REFERENCE = "#/components/schemas/{model}"


class Fault(BaseModel):
    """What is wrong with one parameter."""

    parameter: str
    detail: str


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Fault] = []


def describe(statuses: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return how the OpenAPI document tells of these answers."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    return {status: {"description": description, "content": content} for status, description in statuses.items()}


def schemas() -> dict[str, Any]:
    """Return what `describe` refers to."""
    _, found = models_json_schema([(Problem, "serialization")], ref_template=_REFERENCE)
    return dict(found["$defs"])


def answer(
    status: int, detail: str, headers: dict[str, str] | None = None, errors: list[Fault] | None = None
) -> Response:
    """Return an answer that tells a problem."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or [])
    content = problem.model_dump_json(exclude=None if errors else {"errors"})
    return Response(content, status, headers, MEDIA_TYPE)


def status_of(error: Exception) -> int:
    """Return the status that tells of a failure."""
    if isinstance(error, PhotoError):
        return 422
    if isinstance(error, ModelError | MemoryError | FileNotFoundError):
        return 503
    return 507 if _is_full(error) else 500


def sentence_of(error: Exception) -> str:
    """Return the sentence that tells of it; what is not the client's doing goes to the server's log."""
    if _is_full(error):
        return texts.REFUSALS["507"]
    return texts.TIDIED_AWAY if isinstance(error, FileNotFoundError) else texts.explain(error)


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def install(app: FastAPI, count: Callable[[int], None]) -> None:
    """Have all that goes wrong answered so, and counted by its status."""

    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        count(error.status_code)
        return answer(error.status_code, error.detail, dict(error.headers or {}))

    async def refuse_parameters(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        count(422)
        faults = [_fault(each) for each in error.errors()]
        return answer(422, " ".join(f"{each.parameter}: {each.detail}." for each in faults), errors=faults)

    async def fail(_: Request, error: Exception) -> Response:
        status = status_of(error)
        count(status)
        return answer(status, sentence_of(error))

    async def confess(_: Request, error: Exception) -> Response:  # the server writes it to its log
        count(500)
        return answer(500, texts.UNEXPECTED)

    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(RequestValidationError, refuse_parameters)
    for kind in (PhotoError, ModelError, MemoryError, OSError):
        app.add_exception_handler(kind, fail)
    app.add_exception_handler(Exception, confess)


def _fault(error: dict[str, Any]) -> Fault:
    """Return what is wrong with a parameter, from Pydantic's account of it."""
    text = str(error.get("ctx", {}).get("error", error["msg"]))  # without "Value error, " before words of ours
    if error["type"] == "extra_forbidden":
        text = UNKNOWN_PARAMETER
    return Fault(parameter=".".join(map(str, error["loc"][1:])) or "parameters", detail=text.removesuffix("."))
