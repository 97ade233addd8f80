"""Uploads of logs and of maps of sensors: spooled to disk like those of registers."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, Query, Request

from app.failures.schemas import LogQuery, LogUpload, SensorsQuery, SensorsUpload
from app.imports.files import READERS
from app.imports.uploads import received
from app.values import CodeRef

# Ten million lines and more.
LOG_MAX = 1024 * 1024 * 1024
LOGS = ("text/plain", "text/csv")


async def get_log(
    request: Request, code: CodeRef, query: Annotated[LogQuery, Query()]
) -> AsyncGenerator[LogUpload]:
    async with received(request, code, LOGS) as file:
        yield LogUpload(file, query)


async def get_sensors(
    request: Request, code: CodeRef, query: Annotated[SensorsQuery, Query()]
) -> AsyncGenerator[SensorsUpload]:
    async with received(request, code, READERS) as file:
        yield SensorsUpload(file, query)


LogDep = Annotated[LogUpload, Depends(get_log, scope="function")]
SensorsDep = Annotated[SensorsUpload, Depends(get_sensors, scope="function")]
