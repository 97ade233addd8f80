"""A query parameter that means nothing here is refused, never ignored."""

from fastapi import FastAPI, Request

from app.errors import FieldProblem, InvalidError

# Of each operation, by its id: its query parameters, and whether one may be repeated.
Parameters = dict[str, dict[str, bool]]


def _documented(app: FastAPI) -> Parameters:
    return {
        operation["operationId"]: {
            parameter["name"]: parameter["schema"].get("type") == "array"
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "query"
        }
        for path in app.openapi()["paths"].values()
        for operation in path.values()
    }


async def refuse_unknown(request: Request) -> None:
    """Refuse what the operation does not document, or wants only once."""
    # Async, although it waits for nothing: FastAPI sends plain functions to a thread.
    if not request.scope["query_string"]:
        return
    state = request.app.state
    if not hasattr(state, "parameters"):
        state.parameters = _documented(request.app)
    known: dict[str, bool] = state.parameters[request.scope["route"].name]
    has = f"It has {', '.join(sorted(known))}." if known else "It has none."
    wrong = [
        FieldProblem(
            pointer=f"?{name}",
            code="repeated-parameter" if name in known else "unknown-parameter",
            message=f"Send {name} once." if name in known else f"Remove it. {has}",
        )
        for name in request.query_params
        if name not in known
        or (not known[name] and len(request.query_params.getlist(name)) > 1)
    ]
    if wrong:
        first = wrong[0]
        why = "is no parameter here" if has in first["message"] else "is there twice"
        raise InvalidError(
            f"{first['pointer']} {why}. {first['message']}", errors=wrong
        )
