"""The API's documentation works offline: nothing on its pages is from elsewhere."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from app.tests.factories import refused

STATIC = Path(__file__).parents[1] / "static"
MANIFEST = json.loads((STATIC / "vendor" / "manifest.json").read_text())


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/problems"])
async def test_a_page_refers_to_no_foreign_host(client: AsyncClient, path: str) -> None:
    page = await client.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in re.sub(r"(?m)^\s*//.*$", "", page.text)
    addresses = re.findall(
        r"""(?:src|href|url|spec-url)\s*[=:]\s*['"]([^'"]+)""", page.text
    )
    assert addresses
    for address in addresses:
        assert address.startswith("/")
        assert (await client.get(address)).status_code in {200, 307}


async def test_the_root_leads_to_the_documentation(client: AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 307
    assert answer.headers["location"] == "/docs"


async def test_the_document_is_served(client: AsyncClient) -> None:
    answer = await client.get("/openapi.json")
    assert answer.json()["info"]["title"] == "FPSO System API"


def test_the_vendored_files_are_those_of_the_manifest() -> None:
    listed = {entry["file"]: entry["sha256"] for entry in MANIFEST}
    vendor = STATIC / "vendor"
    found = {
        str(file.relative_to(vendor)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in vendor.rglob("*")
        if file.is_file() and file.name != "manifest.json"
    }
    assert found == listed


def test_each_vendored_package_brings_its_licence() -> None:
    for package in {entry["package"] for entry in MANIFEST}:
        entries = [entry for entry in MANIFEST if entry["package"] == package]
        assert any(entry["file"].endswith("/LICENSE") for entry in entries)
        assert all(entry["licence"] and entry["version"] for entry in entries)


async def test_nothing_but_the_static_files_is_served(client: AsyncClient) -> None:
    for path in ("/static/../main.py", "/static/%2e%2e/main.py", "/static/nope.js"):
        refused(await client.get(path), 404, "not-found")
    refused(await client.get("/static"), 404, "not-found")
