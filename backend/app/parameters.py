"""An unknown query parameter is refused, never ignored."""

from fastapi import FastAPI, Request

from app.errors import FieldProblem, InvalidError


def _documented(app: FastAPI) -> dict[str, frozenset[str]]:
    """The query parameters of each operation, by its operation id."""
    return {
        operation["operationId"]: frozenset(
            parameter["name"]
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "query"
        )
        for path in app.openapi()["paths"].values()
        for operation in path.values()
    }


def refuse_unknown(request: Request) -> None:
    if not request.query_params:
        return
    state = request.app.state
    if not hasattr(state, "parameters"):
        state.parameters = _documented(request.app)
    known = state.parameters[request.scope["route"].name]
    if unknown := [name for name in request.query_params if name not in known]:
        has = f"It has {', '.join(sorted(known))}." if known else "It has none."
        raise InvalidError(
            f"There is no parameter {unknown[0]!r} here. {has}",
            errors=[
                FieldProblem(
                    pointer=f"?{name}",
                    code="unknown-parameter",
                    message=f"Remove it. {has}",
                )
                for name in unknown
            ],
        )
