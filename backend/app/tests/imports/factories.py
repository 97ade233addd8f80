"""What the tests of imports start from: files, and plans made of them over HTTP."""

import io
import json
from collections.abc import Iterable

import xlsxwriter
from httpx2 import AsyncClient, Response

from app.tests.factories import JSON, created, get, ok, url

CSV = "text/csv"
TSV = "text/tab-separated-values"
NDJSON = "application/x-ndjson"
ARRAY = "application/json"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS = {"csv": CSV, "ndjson": NDJSON, "xlsx": XLSX}

# What a maintenance system exports, in small: odd names, parents by number, statuses as
# figures, dates of its own, and rows that are no tags.
REGISTER = """\
ELC_STATUS_ID,SRC_TABLE,MNT_TAG_DESC,MNT_TAG_ID,MNT_TAG_ID_ANCESTOR,MNT_TAG_ISACTIVE,\
MNT_TAG_NAME,MNT_TAG_CREATED_DATE,MNT_TAG_COMMENT,MNT_SYSTEM_CODE
1211,mnt_tag,PRD - 1ST STAGE COMP THRUST BRG OUT,3004,3002,1,45-TE-71016-04,\
26/06/2009 15:36,,
1211,mnt_tag,PRD - 1ST STAGE COMPRESSOR,3002,3001,1,45-KA-7101,26/06/2009 15:36,\
"moved
from ""A"" to B",45
1211,mnt_system,,3900,,1,,01/02/2010 08:00,,45
1211,mnt_tag,GAS COMPRESSION,3001,,1,45-1ST STAGE COMP LUBE OIL SYS-PD,,a\ufffdb,
1211,mnt_location,,3901,,1,,01/02/2010 08:00,,
1211,mnt_tag,LEVEL SWITCH,3005,3002,0,45-LSHH-71038 (2),26/06/2009 15:36,,
,,,,,,,,,
"""
REGISTER_MAPPING: JSON = {
    "tag": "MNT_TAG_NAME",
    "name": {"column": "MNT_TAG_DESC"},
    "location": {"constant": "Nordavind"},
    "status": {
        "column": "MNT_TAG_ISACTIVE",
        "values": {"1": "active", "0": "inactive"},
    },
    "parent": {"column": "MNT_TAG_ID_ANCESTOR", "refers_to": "MNT_TAG_ID"},
}


async def send(
    client: AsyncClient,
    content: str | bytes,
    kind: str = CSV,
    *,
    to: str = "MV102",
    mapping: object = None,
    **params: str,
) -> Response:
    """Send a file for the vessel `to`, which is there already."""
    if mapping is not None:
        params["mapping"] = mapping if isinstance(mapping, str) else json.dumps(mapping)
    body = content.encode() if isinstance(content, str) else content
    return await client.post(
        url("vessels", to, "imports"),
        content=body,
        params=params,
        headers={"Content-Type": kind},
    )


async def plan(
    client: AsyncClient,
    content: str | bytes,
    kind: str = CSV,
    *,
    to: str = "MV102",
    mapping: object = None,
    **params: str,
) -> JSON:
    answer = await send(client, content, kind, to=to, mapping=mapping, **params)
    return created(answer)


async def apply(client: AsyncClient, plan: JSON, **params: str) -> Response:
    return await client.post(plan["links"]["apply"], params=params)


async def load(
    client: AsyncClient,
    content: str | bytes,
    kind: str = CSV,
    *,
    to: str = "MV102",
    mapping: object = None,
) -> JSON:
    """Plan and apply a file that is sound."""
    planned = await plan(client, content, kind, to=to, mapping=mapping)
    assert planned["errors"] == []
    return ok(await apply(client, planned))


async def rows(client: AsyncClient, plan: JSON, **params: str) -> list[JSON]:
    page = ok(await client.get(plan["links"]["rows"], params=params))
    items: list[JSON] = page["items"]
    return items


async def aboard(client: AsyncClient, vessel: str = "MV102") -> dict[str, JSON]:
    """All that is aboard, by code."""
    page = await get(client, "vessels", vessel, "equipment", limit=500)
    return {item["code"]: item for item in page["items"]}


def counts(plan: JSON) -> tuple[int, int, int, int]:
    """Creates, updates, unchanged, errors."""
    said = plan["counts"]
    assert sum(said.values()) == plan["rows"]
    return said["create"], said["update"], said["unchanged"], said["error"]


def wrong(plan: JSON) -> list[tuple[int, str | None, str]]:
    """Row, field and code of each error."""
    return [(e["row"], e["field"], e["code"]) for e in plan["errors"]]


def workbook(table: Iterable[Iterable[object]], **options: object) -> bytes:
    """An XLSX file of one sheet; a None is a cell that is not there."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"default_date_format": "dd/mm/yyyy", "remove_timezone": True} | options
    )
    sheet = book.add_worksheet()
    for number, cells in enumerate(table):
        for place, cell in enumerate(cells):
            if cell is not None:
                sheet.write(number, place, cell)
    book.close()
    return file.getvalue()
