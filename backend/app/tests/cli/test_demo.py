import json

import httpx2
import pytest

from app import demo
from app.tests.cli.conftest import Canned, Fpso
from app.tests.cli.test_client import BAD_GATEWAY, words


def test_the_fleet_is_loaded_once_into_an_empty_server(
    fpso: Fpso, server_url: str
) -> None:
    assert demo.load(server_url)
    assert not demo.load(f"{server_url}/")

    def items(*words: str) -> list[dict[str, object]]:
        page: dict[str, list[dict[str, object]]] = json.loads(
            fpso(*words, "--json", "--limit", "500").stdout
        )
        return page["items"]

    costs = items("costs", "vessels")
    assert [vessel["vessel"] for vessel in costs] == ["MA101", "MA102", "NA201"]
    assert [vessel["equipment"] for vessel in costs] == [156, 156, 33]
    assert [vessel["operations"] for vessel in costs] == [69, 63, 28]
    register = items("equipment", "list", "MA102")
    inactive = {item["tag"] for item in register if item["status"] == "inactive"}
    assert {"20-VA-2003", "21-PA-2101C"} < inactive
    assert {item["tag"] for item in register if not item["parent"]} == {
        *("SYS-13", "SYS-20", "SYS-21", "SYS-23", "SYS-24", "SYS-29", "SYS-43"),
        *("SYS-44", "SYS-50", "SYS-63", "SYS-71", "SYS-80"),
    }
    path = fpso("equipment", "show", "MA101-23-LSLL-2305A (2)").stdout
    assert [line.lstrip(" └─").split()[0] for line in path.splitlines()[-4:]] == [
        "MA101-SYS-23",
        "MA101-23-XX-2301A",
        "MA101-23-XX-2305A",
        "MA101-23-LSLL-2305A",
    ]


def test_the_demo_leaves_the_names_of_users_alone(fpso: Fpso, server_url: str) -> None:
    demo.load(server_url)

    for name in ("compressor", "pump", "Compressor", "separator", "valve"):
        answer = json.loads(fpso("costs", "name", name, "--json").stdout)
        assert answer["equipment"] == 0


def test_fpso_demo_says_whether_it_loaded(fpso: Fpso) -> None:
    first = fpso("demo")
    second = fpso("demo", "--json")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "The demo fleet is aboard" in first.stderr
    assert "nothing was loaded" in second.stderr
    assert len(json.loads(second.stdout)["items"]) == 3


def test_a_refusal_is_not_passed_over(server_url: str) -> None:
    with pytest.raises(httpx2.HTTPStatusError):
        demo.load(f"{server_url}/elsewhere")


def test_fpso_demo_tells_a_refusal_in_words(run: Fpso, answering: Canned) -> None:
    done = run("demo", url=answering(BAD_GATEWAY))

    assert done.exit_code == 3
    assert "A proxy answers but the API behind it does not" in words(done.stderr)
