import json

import httpx2
import pytest

from app import demo
from app.tests.cli.conftest import Canned, Fpso
from app.tests.cli.test_client import BAD_GATEWAY, words
from app.tests.factories import JSON


def test_the_fleet_is_loaded_once_into_an_empty_server(
    fpso: Fpso, server_url: str
) -> None:
    first = fpso("demo")
    second = fpso("demo", "--json")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "The demo fleet is aboard" in first.stderr
    assert "nothing was loaded" in second.stderr
    assert len(json.loads(second.stdout)["items"]) == 3
    assert not demo.load(f"{server_url}/")

    show_the_register(fpso)
    show_work_failures_and_spares(fpso)
    # The names of users are left alone.
    for name in ("compressor", "pump", "Compressor", "separator", "valve"):
        assert said(fpso, "costs", "name", name)["equipment"] == 0


def said(fpso: Fpso, *words: str) -> JSON:
    done = fpso(*words, "--json")
    assert done.exit_code == 0, done.stderr
    answer: JSON = json.loads(done.stdout)
    return answer


def show_the_register(fpso: Fpso) -> None:
    costs = said(fpso, "costs", "vessels")["items"]
    assert [vessel["vessel"] for vessel in costs] == ["MA101", "MA102", "NA201"]
    assert [vessel["equipment"] for vessel in costs] == [156, 156, 33]
    assert [vessel["operations"] for vessel in costs] == [71, 64, 28]
    register = said(fpso, "equipment", "list", "MA102", "--limit", "500")["items"]
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


def show_work_failures_and_spares(fpso: Fpso) -> None:
    # Every request of the file was read as one.
    work = (demo.FOLDER / "work.txt").read_text(encoding="utf-8").splitlines()
    asked = [line for line in work if line and not line.startswith("#")]
    assert all(demo.REQUEST.fullmatch(line) for line in asked)

    def each(of: str, *words: str) -> list[object]:
        return [item[of] for item in said(fpso, *words)["items"]]

    assert set(each("state", "issue", "list")) == {
        *("open", "triaged", "in_progress", "resolved", "closed"),
        *("cancelled", "duplicate"),
    }
    assert each("cost", "operation", "list", "--issue", "1") == ["47592.00"]
    assert sorted(each("state", "requisition", "list"), key=str) == [
        *("approved", "issued", "submitted")
    ]
    assert each("vessel", "requisition", "list", "--waiting") == ["MA102"]
    assert each("part", "stock", "reorder") == ["NOZ-8001", "PRB-0008"]
    assert each("serial_number", "unit", "list", "--spare") == ["M-60113"]
    assert "MSC-2901" in each("number", "part", "list", "-q", "seal")
    counted = said(fpso, "failures", "summary", "--by", "month")
    assert (counted["failures"], counted["readings"]) == (185, 310)
    # It is of the last year, however long ago it was written.
    assert 11 <= counted["all"] <= 13
    of_class = ("--by", "class", "--class", "PU", "--vessel", "MA101")
    assert each("failures", "reliability", *of_class, "--days", "365") == [12]


def test_a_refusal_is_not_passed_over(server_url: str) -> None:
    with pytest.raises(httpx2.HTTPStatusError):
        demo.load(f"{server_url}/elsewhere")


def test_fpso_demo_tells_a_refusal_in_words(run: Fpso, answering: Canned) -> None:
    done = run("demo", url=answering(BAD_GATEWAY))

    assert done.exit_code == 3
    assert "A proxy answers but the API behind it does not" in words(done.stderr)
