"""The OpenAPI document: what every operation answers besides its own answers."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from fastapi import FastAPI

from app import errors, problems
from app.errors import AppError

JSON = dict[str, Any]

DEFAULT: JSON = {
    "description": "Any other error, in the same shape.",
    "content": {
        problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
    },
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
    for path in schema["paths"].values():
        for operation in path.values():
            answers = operation["responses"]
            for status, answer in problems.responses(*_everywhere(operation)).items():
                known = answers.setdefault(str(status), answer)
                if answer["description"] not in known["description"]:
                    known["description"] += f", {answer['description']}"
            operation["responses"] = dict(sorted(answers.items()))
    return schema


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
