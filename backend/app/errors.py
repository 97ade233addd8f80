"""The errors that callers can meet, and their one translation to RFC 9457.

AppError                    status  slug
├── MalformedError             400  malformed
│   └── BadCursorError         400  bad-cursor
├── NotFoundError              404  not-found
│   └── UnknownCodesError      404  unknown-codes
├── MethodNotAllowedError      405  method-not-allowed
├── ConflictError              409  conflict
│   ├── DuplicateError         409  duplicate-code
│   ├── ParentCycleError       409  parent-cycle
│   ├── MoveRefusedError       409  move-refused
│   ├── OccupiedError          409  occupied
│   ├── BatchRefusedError      409  batch-refused
│   ├── InsufficientStockError 409  insufficient-stock
│   └── Plan…Error             409  plan-has-errors, plan-stale, plan-already-applied
├── PlanExpiredError           410  plan-expired
├── CursorExpiredError         410  cursor-expired
├── NotRecordedError           410  not-recorded
├── StaleVersionError          412  stale-version
├── TooLargeError              413  too-large
├── UnsupportedMediaTypeError  415  unsupported-media-type
├── InvalidError               422  invalid
│   └── UnreadableFileError    422  unreadable-file
├── VersionRequiredError       428  version-required
├── InternalError              500  internal-error
└── UnavailableError           503  unavailable

A feature raises these and nothing else. Each docstring is the public text of
`/problems/<slug>`.
"""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import ClassVar, TypedDict


class FieldProblem(TypedDict):
    """One thing wrong with one part of the request.

    `pointer` is a JSON pointer into the body, `?name` for a query parameter, or the
    name of a header.
    """

    pointer: str
    code: str
    message: str


class AppError(Exception):
    """A failure that the caller can understand. Subclasses say which one."""

    status: ClassVar[HTTPStatus]
    slug: ClassVar[str]
    title: ClassVar[str]

    def __init__(
        self,
        detail: str,
        *,
        errors: list[FieldProblem] | None = None,
        headers: dict[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.headers = headers or {}
        self.extensions = extensions


class MalformedError(AppError):
    """The request could not be read: its JSON is broken, or it is no valid HTTP.

    Mend the syntax; nothing was changed.
    """

    status, slug, title = HTTPStatus.BAD_REQUEST, "malformed", "Malformed request"


class BadCursorError(MalformedError):
    """The cursor is not one that this listing issued for this sort order.

    Take `next_cursor` from the page before, unchanged, with the same `sort`; or
    start again without a cursor.
    """

    slug, title = "bad-cursor", "Bad cursor"


class NotFoundError(AppError):
    """Nothing is registered under that code, or no such address exists.

    Codes compare without regard to case and surrounding spaces. List what is there
    with `GET /api/v1/vessels` or `GET /api/v1/equipment`.
    """

    status, slug, title = HTTPStatus.NOT_FOUND, "not-found", "Not found"


class UnknownCodesError(NotFoundError):
    """Some of the codes are not registered, so nothing was changed at all.

    `codes` lists every unknown one. Remove or register them, or repeat the request
    with `?mode=partial` to change the others.
    """

    slug, title = "unknown-codes", "Unknown codes"


class MethodNotAllowedError(AppError):
    """The address exists, but does not answer to that method.

    The `Allow` header lists the methods it answers to.
    """

    status, slug = HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed"
    title = "Method not allowed"


class ConflictError(AppError):
    """The request is well formed but contradicts what is stored or being written.

    Read the resource again, then decide.
    """

    status, slug, title = HTTPStatus.CONFLICT, "conflict", "Conflict"


class DuplicateError(ConflictError):
    """A code, a tag or a reference is taken.

    Codes are unique in the fleet, tags in a vessel; references among the issues of a
    vessel, and among the operation orders of an equipment. `existing` is the address of
    what holds it. Choose another one, or change the existing resource.
    """

    slug, title = "duplicate-code", "Duplicate code"

    @classmethod
    def of(cls, field: str, value: str, *, existing: str) -> "DuplicateError":
        """Say that `existing`, a href, holds the `value` of `field` already."""
        detail = (
            f"The {field} {value} is taken. Choose another one, or change what has it."
        )
        problem = FieldProblem(
            pointer=f"/{field}",
            code=f"duplicate-{field}",
            message=f"{value} is registered already.",
        )
        return cls(detail, errors=[problem], existing=existing, field=field)


class ParentCycleError(ConflictError):
    """An equipment cannot stand below itself.

    Choose a parent that is not the equipment and not one of its descendants.
    """

    slug, title = "parent-cycle", "Parent cycle"


class MoveRefusedError(ConflictError):
    """What was asked for cannot follow upon the state that this is in.

    `state` is that state, `possible` lists those from which it can be done. Read it
    again: somebody may have moved it on meanwhile.
    """

    slug, title = "move-refused", "Move refused"

    @classmethod
    def of(
        cls,
        what: str,
        verb: str,
        state: str,
        possible: Iterable[str],
        hint: str = "Read it again and take it there first.",
    ) -> "MoveRefusedError":
        known = list(possible)
        detail = (
            f"{what} is {state}; to {verb} it, it must be {' or '.join(known)}. {hint}"
        )
        return cls(detail, state=state, possible=known)


class OccupiedError(ConflictError):
    """A unit sits in one place at a time, and a place holds one unit at a time.

    `existing` is the address of what sat there then. Take the unit out first, choose
    another instant, or, if somebody swapped meanwhile, look at what sits there now.
    """

    slug, title = "occupied", "Occupied"


class BatchRefusedError(ConflictError):
    """Some items of the batch cannot be done, so nothing was changed at all.

    `errors` says of each what is wrong, where it stands (`/items/3/tag`, counted from
    0) and how to mend it; `codes` lists the equipment. Mend or remove them, or repeat
    the request with `?mode=partial` to do the others.
    """

    slug, title = "batch-refused", "Batch refused"


class InsufficientStockError(ConflictError):
    """A store has less to give than was asked for, so nothing was moved at all.

    `short` lists every part of which there is too little, with what was asked for, what
    is there, and which `requisitions` hold how much: that is not there for others. Ask
    for less, receive more, or let a requisition give back what it holds, with
    `POST /api/v1/requisitions/{id}/release`.
    """

    slug, title = "insufficient-stock", "Insufficient stock"


class PlanHasErrorsError(ConflictError):
    """The import plan has rows with errors, so it was not applied.

    Mend the file and import it again, or apply the sound rows alone with
    `?skip_errors=true`. `GET /api/v1/imports/{id}/errors.csv` holds the bad ones.
    """

    slug, title = "plan-has-errors", "The plan has errors"


class PlanStaleError(ConflictError):
    """What the import plan touches was changed after the plan was made.

    Nothing was applied. Import the file again to see a plan against what is stored
    now.
    """

    slug, title = "plan-stale", "The plan is stale"


class PlanAlreadyAppliedError(ConflictError):
    """The import plan was applied before; a plan is applied once.

    To load the file again, import it again: the new plan shows what would change.
    """

    slug, title = "plan-already-applied", "The plan was applied already"


class PlanExpiredError(AppError):
    """An import plan is kept for seven days; this one is older.

    Import the file again.
    """

    status, slug, title = HTTPStatus.GONE, "plan-expired", "The plan has expired"


class CursorExpiredError(AppError):
    """Changes that came after the cursor are not kept any more, so some were missed.

    Read the registers again, then follow the feed from `after=now`, or from the first
    change that is kept, without `after`. A database that was restored to an earlier
    moment answers so too.
    """

    status, slug, title = HTTPStatus.GONE, "cursor-expired", "The cursor has expired"


class NotRecordedError(AppError):
    """The record of changes does not go back that far.

    `since` says from when on it tells; what was before it, or in months that were
    dropped, is not guessed. Ask for that instant or a later one.
    """

    status, slug, title = HTTPStatus.GONE, "not-recorded", "Not recorded"


class StaleVersionError(AppError):
    """The resource was changed since you read it, so your change was not made.

    Read it again, look at what is different, and send the new `ETag` in `If-Match`.
    """

    status, slug = HTTPStatus.PRECONDITION_FAILED, "stale-version"
    title = "Stale version"


class TooLargeError(AppError):
    """The body is larger than this address accepts.

    Bodies hold at most 1 MiB, import files at most 100 MiB, failure logs at most 1 GiB.
    Split the request.
    """

    status, slug = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large"
    title = "Body too large"


class UnsupportedMediaTypeError(AppError):
    """The body is of a kind that this address does not read.

    Say what you send in `Content-Type`: `application/json` everywhere but for
    import files, which may also be CSV, TSV, NDJSON or XLSX, and for failure logs,
    which are plain text.
    """

    status, slug = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"
    title = "Unsupported media type"


class InvalidError(AppError):
    """The request was read, but some of its values are not acceptable.

    `errors` lists every one of them: where it stands (`pointer`), what is wrong
    (`code`) and how to mend it (`message`). Unknown fields and parameters are
    refused, never ignored. What is registered is looked up once the values are sound.
    """

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "Invalid request"

    @classmethod
    def of(cls, pointer: str, code: str, message: str) -> "InvalidError":
        """Say what is wrong with one field."""
        return cls.of_all([FieldProblem(pointer=pointer, code=code, message=message)])

    @classmethod
    def of_all(cls, wrong: Sequence[FieldProblem]) -> "InvalidError":
        """Say what is wrong with several fields; the detail tells the first."""
        first, *others = wrong
        more = f" (and {len(others)} more)" if others else ""
        where = f"{first['pointer']}: " if first["pointer"] else ""
        return cls(f"{where}{first['message']}{more}", errors=list(wrong))


class UnreadableFileError(InvalidError):
    """The import file as a whole cannot be read, so no plan was made.

    The detail says why: an encoding other than the declared one, no header, broken
    JSON, an XLSX file that is none, or two columns for one field.
    """

    slug, title = "unreadable-file", "Unreadable file"


class VersionRequiredError(AppError):
    """A change must say which version it was made from.

    Send the `ETag` that you last read in `If-Match`, or `If-Match: *` to overwrite
    whatever is there.
    """

    status, slug = HTTPStatus.PRECONDITION_REQUIRED, "version-required"
    title = "Version required"


class InternalError(AppError):
    """The service failed in a way that it did not foresee; the fault is not yours.

    Nothing was changed. Report the `request_id`: the log says more under it.
    """

    status, slug = HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error"
    title = "Internal error"


class UnavailableError(AppError):
    """The database is out of reach or too busy just now.

    Wait for the seconds in `Retry-After` and repeat the request. When a write was
    cut off, read first: it may have been stored.
    """

    status, slug = HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"
    title = "Service unavailable"


def every_error() -> Iterator[type[AppError]]:
    """All error types, in the order in which they stand here."""
    todo: list[type[AppError]] = list(AppError.__subclasses__())
    while todo:
        error = todo.pop(0)
        yield error
        todo = [*error.__subclasses__(), *todo]
