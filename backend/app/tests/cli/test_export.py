import csv
import io
import json
import sys
from pathlib import Path

import pytest
from openpyxl import load_workbook

from app.tests.cli.conftest import Canned, Fpso

CODES = ["23-LSHH-96138 (2)", "5310B9D7"]


def test_a_register_goes_to_stdout_as_csv(fpso: Fpso, vessel: str) -> None:
    done = fpso("export", vessel)

    assert done.exit_code == 0
    assert sorted(row["code"] for row in csv.DictReader(io.StringIO(done.stdout))) == (
        CODES
    )
    assert done.stderr == ""


def test_the_files_ending_says_the_format(
    fpso: Fpso, vessel: str, tmp_path: Path
) -> None:
    for name in ("a.csv", "b.ndjson", "c.XLSX", "plain"):
        assert fpso("export", vessel, "-o", str(tmp_path / name)).exit_code == 0

    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "plain").read_bytes()
    lines = (tmp_path / "b.ndjson").read_text().splitlines()
    assert sorted(json.loads(line)["code"] for line in lines) == CODES
    sheet = load_workbook(tmp_path / "c.XLSX").active
    assert sheet is not None
    assert sorted(str(row[0]) for row in sheet.values) == [*CODES, "code"]


def test_the_format_can_be_said(fpso: Fpso, vessel: str, tmp_path: Path) -> None:
    file = tmp_path / "[red]register.txt"

    refused = fpso("export", vessel, "-o", str(file))
    done = fpso("export", vessel, "-o", str(file), "--format", "ndjson")

    assert refused.exit_code == 2
    assert "say which with --format" in " ".join(refused.stderr.split())
    assert done.exit_code == 0
    size = f"{len(file.read_bytes()):,} bytes"
    assert f"/[red]register.txt ({size})." in done.stderr


def test_an_unknown_vessel_leaves_no_file(fpso: Fpso, tmp_path: Path) -> None:
    done = fpso("export", "NOPE", "-o", str(tmp_path / "a.csv"))

    assert done.exit_code == 1
    assert "404" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_half_written(
    run: Fpso, answering: Canned, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("what was there")
    cut = answering(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\ncode,\r\n"
    )

    done = run("export", "MV102", "-o", str(file), url=cut)

    assert done.exit_code == 3
    assert "broke before the answer was whole" in " ".join(done.stderr.split())
    assert file.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link_and_a_device_a_device(
    fpso: Fpso, vessel: str, tmp_path: Path
) -> None:
    target, link, device = tmp_path / "a.csv", tmp_path / "link.csv", Path("/dev/null")
    link.symlink_to(target)

    assert fpso("export", vessel, "-o", str(link)).exit_code == 0
    to_device = fpso("export", vessel, "-o", str(device), "--format", "csv")

    assert to_device.exit_code == 0
    assert link.is_symlink()
    assert target.read_text().count("\n") == 3
    assert not device.is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="procfs refuses to make files")
def test_a_file_that_cannot_be_written_is_one_sentence(fpso: Fpso, vessel: str) -> None:
    for path in ("/proc/a.csv", "/nowhere/a.csv"):
        done = fpso("export", vessel, "-o", path)
        assert done.exit_code == 4
        assert f"{path}: No such file or directory." in " ".join(done.stderr.split())
