"""The OpenAPI document: what every operation answers besides its own answers."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from fastapi import FastAPI

from app import errors, problems
from app.errors import AppError
from app.links import PREFIX

JSON = dict[str, Any]

DEFAULT: JSON = {
    "description": "Any other error, in the same shape.",
    "content": {
        problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
    },
}
IF_NONE_MATCH: JSON = {
    "name": "if-none-match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "title": "If-None-Match"},
    "description": "The `ETag` of what you have: the answer is 304 if it is the same.",
}


def document(app: FastAPI) -> None:
    """Let OpenAPI say what an error looks like here, and which are everywhere."""
    generate: Callable[[], JSON] = app.openapi

    def openapi() -> JSON:
        if not app.openapi_schema:
            app.openapi_schema = _complete(generate())
        return app.openapi_schema

    app.openapi = partial(openapi)  # type: ignore[method-assign]  # FastAPI's own way


def _complete(schema: JSON) -> JSON:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    problem = problems.Problem.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for template, path in schema["paths"].items():
        for method, operation in path.items():
            answers = operation["responses"]
            if method == "get" and template.startswith(PREFIX):
                _let_it_be_known(operation)
            for status, answer in problems.responses(*_everywhere(operation)).items():
                known = answers.setdefault(str(status), answer)
                if answer["description"] not in known["description"]:
                    known["description"] += f", {answer['description']}"
            operation["responses"] = dict(sorted(answers.items()))
    return schema


def _let_it_be_known(operation: JSON) -> None:
    """Say what `etag.Conditional` does of every answer that is JSON."""
    content = operation["responses"].get("200", {}).get("content", {})
    if "application/json" in content:
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        operation["responses"]["304"] = {
            "description": "What you have, by its ETag, is what there is."
        }


def _everywhere(operation: JSON) -> Iterator[type[AppError]]:
    yield errors.InvalidError
    body = operation.get("requestBody", {}).get("content", {})
    if body.keys() == {"application/json"}:
        yield from (
            errors.MalformedError,
            errors.TooLargeError,
            errors.UnsupportedMediaTypeError,
        )
    if operation["operationId"] not in {"read_status", "read_liveness"}:
        yield errors.UnavailableError
