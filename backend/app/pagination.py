"""Keyset pagination: pages that neither skip nor repeat rows as data moves."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, TypeAdapter, field_validator
from pydantic_core import PydanticCustomError, to_jsonable_python
from sqlalchemy import Row, Select, func, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.errors import BadCursorError
from app.links import here
from app.values import Input

T = TypeVar("T")
Column = InstrumentedAttribute[Any]


class Page(BaseModel, Generic[T]):
    items: list[T]
    next_cursor: str | None = Field(
        description="Send it as `cursor` for the next page; null on the last one."
    )


class PageQuery(Input):
    """The parameters that every listing has."""

    limit: Annotated[int, Field(ge=1, le=500, description="Items a page.")] = 100
    cursor: Annotated[
        str | None,
        Field(max_length=2000, description="`next_cursor` of the page before."),
    ] = None


class Listing(Page[T]):
    total: int | None = Field(
        None, description="How many there are on all pages; with `count=true` only."
    )


class ListQuery(PageQuery):
    """Those of the lists that people work with."""

    known: ClassVar[tuple[str, ...]]  # the fields of its items

    fields: Annotated[
        str | None,
        Field(description="Only these fields of each item, such as `code,name`."),
    ] = None
    count: Annotated[
        bool, Field(description="Whether to say how many there are on all pages.")
    ] = False

    @field_validator("fields")
    @classmethod
    def know_fields(cls, fields: str | None) -> str | None:
        unknown = [name for name in _names(fields) if name not in cls.known]
        if unknown:
            raise PydanticCustomError(
                "unknown-field",
                "{unknown} is no field here. Write some of {known}.",
                {"unknown": repr(unknown[0]), "known": ", ".join(cls.known)},
            )
        return fields

    @property
    def shown(self) -> list[str]:
        """The fields of an item that are asked for, in their usual order."""
        names = _names(self.fields) or self.known
        return [name for name in self.known if name in names]


def _names(fields: str | None) -> list[str]:
    return [] if fields is None else [name.strip() for name in fields.split(",")]


def write(
    request: Request,
    query: ListQuery,
    items: Sequence[BaseModel],
    next_cursor: str | None,
    total: int | None,
) -> Response:
    """Answer with a page, or with as much of its items as was asked for."""
    shown = set(query.shown)
    content: dict[str, Any] = {
        "items": [item.model_dump(mode="json", include=shown) for item in items],
        "next_cursor": next_cursor,
    }
    if query.count:
        content["total"] = total
    answer = JSONResponse(content)
    link(request, answer, next_cursor)
    return answer


async def count(
    session: AsyncSession, found: Select[Any], query: ListQuery
) -> int | None:
    """How many rows there are on all pages, if that is asked for."""
    if not query.count:
        return None
    counting = found.with_only_columns(func.count(), maintain_column_froms=True)
    return await session.scalar(counting)


def link(request: Request, response: Response, next_cursor: str | None) -> None:
    """Say where the next page is, as RFC 8288 has it."""
    if next_cursor:
        given = request.query_params.multi_items()
        others = [(name, value) for name, value in given if name != "cursor"]
        query = urlencode([*others, ("cursor", next_cursor)])
        response.headers["Link"] = f'<{here(request)}?{query}>; rel="next"'


async def paginate(
    session: AsyncSession,
    query: Select[Any],
    page: PageQuery,
    *,
    sort: str,
    columns: Mapping[str, Column],
    unique: Column,
) -> tuple[Sequence[Row[Any]], str | None]:
    """Cut one page of `query`; rows, and the cursor of the next page if there is one.

    `sort` names one of `columns`, with a leading - for descending. `unique` settles
    ties. Both are NOT NULL, and `query` selects them, or an entity that has them.
    """
    name = sort.removeprefix("-")
    key = list(dict.fromkeys([columns[name], unique]))
    descending = sort.startswith("-")
    ordered = query.order_by(*(k.desc() if descending else k.asc() for k in key))
    if (values := place(page, sort, key)) is not None:
        last = tuple_(*values)
        at = tuple_(*key)
        ordered = ordered.where(at < last if descending else at > last)
    rows = (await session.execute(ordered.limit(page.limit + 1))).all()
    if len(rows) <= page.limit:
        return rows, None
    last_row = rows[page.limit - 1]
    source = last_row[0] if hasattr(last_row[0], key[0].key) else last_row
    return rows[: page.limit], cursor_after(source, sort, key)


def cursor_after(source: object, sort: str, key: Sequence[Column]) -> str:
    """The cursor of the page that follows this row or entity."""
    values = [to_jsonable_python(getattr(source, column.key)) for column in key]
    return urlsafe_b64encode(json.dumps([sort, *values]).encode()).decode().rstrip("=")


def place(page: PageQuery, sort: str, key: Sequence[Column]) -> list[Any] | None:
    """The values of `key` behind which the page starts; None is the first page."""
    return None if page.cursor is None else _decode(page.cursor, sort, key)


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)  # making one costs far more than using it


def _decode(cursor: str, sort: str, key: Sequence[Column]) -> list[Any]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        issued_for, *values = json.loads(urlsafe_b64decode(padded))
        if issued_for != sort:
            raise ValueError(cursor)  # noqa: TRY301 one way out for all that is wrong
        return [
            _sendable(_adapter(column.type.python_type).validate_python(value))
            for column, value in zip(key, values, strict=True)
        ]
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise BadCursorError(_BAD) from None


def _sendable(value: object) -> object:
    """Raise for what no row has because PostgreSQL cannot hold it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str) and "\x00" in value.encode().decode():
        raise ValueError(value)
    return value


_BAD = (
    "The cursor is not one of this listing in this order. Take next_cursor from the "
    "page before, with the same sort, or start again without a cursor."
)
