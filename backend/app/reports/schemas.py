from typing import Annotated, NamedTuple

from pydantic import Field, Json

from app.imports.schemas import Source
from app.imports.uploads import File
from app.orders.schemas import DatedQuery, FlatMapping

_EXAMPLE = """{"reference": "NOTIFICATION", "kind": {"constant": "failure"}, \
"state": {"column": "STATUS", "values": {"NOCO": "closed", "OSNO": "open"}}}"""


class IssueMapping(FlatMapping):
    """Where each field comes from: a column's name, or more said in an object.

    A field that is not named here is read from the column that bears its name or a
    common synonym; null leaves it alone.
    """

    equipment: Source | None = None
    reference: Source | None = None
    title: Source | None = None
    description: Source | None = None
    kind: Source | None = None
    state: Source | None = None
    priority: Source | None = None
    failure_mode: Source | None = None
    mechanism: Source | None = None
    cause: Source | None = None
    detection_method: Source | None = None
    impact: Source | None = None
    reporter: Source | None = None
    observed_at: Source | None = None
    due_at: Source | None = None
    down_since: Source | None = None
    down_until: Source | None = None
    resolved_at: Source | None = None
    closed_at: Source | None = None
    cancel_reason: Source | None = None


class IssuesImportQuery(DatedQuery):
    mapping: Annotated[
        Json[IssueMapping] | None,
        Field(
            description="JSON: field → column, or an object with `column` and "
            "`values`, or with `constant`.",
            examples=[_EXAMPLE],
        ),
    ] = None


class IssuesUpload(NamedTuple):
    file: File
    query: IssuesImportQuery
