import json

from app.cli.answers import Movement
from app.cli.stock import why
from app.tests.cli.conftest import Fpso
from app.tests.factories import JSON

STORE = ("--store", "MAIN")


def said(fpso: Fpso, *words: str) -> JSON:
    done = fpso(*words, "--json")
    assert done.exit_code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_from_the_catalogue_to_the_last_part(fpso: Fpso, vessel: str) -> None:
    said(fpso, "store", "add", "MAIN", "--vessel", vessel)
    assert said(fpso, "store", "add", "YARD", "--name", "x")["place"] == "ashore"
    said(fpso, "part", "add", "A=B", "--name", "seal", "--price", "2.50")
    said(fpso, "part", "add", "OIL", "--name", "oil", "--price", "1", "--unit", "L")
    said(fpso, "part", "fit", "OIL", "--equipment", "5310B9D7")
    said(fpso, "part", "fit", "OIL", "--model", "HPX 40")
    said(fpso, "part", "fit", "OIL", "--class", "CO")
    assert fpso("part", "show", "OIL").stdout.splitlines()[-3:] == [
        "fits          5310B9D7",
        "fits          model HPX 40",
        "fits          class CO",
    ]
    for words in (
        *(("--equipment", "5310B9D7"), ("--model", "HPX 40"), ("-q", "oi")),
        ("--class", "CO"),
    ):
        page = said(fpso, "part", "list", *words)
        assert [it["number"] for it in page["items"]] == ["OIL"]
    assert len(said(fpso, "part", "list")["items"]) == 2

    received = ("A=B=3", "OIL=1234.5", "--reference", "DN 1")
    assert "1,234.5" in fpso("stock", "receive", "MAIN", *received).stdout
    said(fpso, "stock", "transfer", "MAIN", "YARD", "OIL=34.5")
    said(fpso, "stock", "adjust", "MAIN", "OIL=-200", "--reason", "Counted")
    said(fpso, "stock", "issue", "MAIN", "A=B=1", "--reason", "Urgent")
    page = said(fpso, "stock", "list", "--part", "OIL", "--store", "MAIN")
    assert page["items"][0]["on_hand"] == "1000"
    page = said(fpso, "stock", "ledger", "--part", "A=B")
    assert [(it["kind"], it["reason"]) for it in page["items"]] == [
        ("issue", "Urgent"),
        ("receive", None),
    ]

    opened = ("requisition", "cart", vessel, "A=B=1", "OIL=2", *STORE)
    it = said(fpso, *opened, "--requester", "mechanic", "--note", "Pump A")
    identity = it["id"]
    it = said(fpso, "requisition", "put", identity, "A=B=5", "OIL=0")
    assert [(line["part"], line["quantity"]) for line in it["lines"]] == [("A=B", "5")]
    for moved, state in (
        (("submit", identity), "submitted"),
        (("approve", identity, "--by", "supervisor"), "approved"),
        (("release", identity, "A=B=1", "--reason", "Counted"), "approved"),
        (("release", identity), "approved"),
        (("reserve", identity), "approved"),
        (("issue", identity, "A=B=1"), "approved"),
        (("issue", identity), "approved"),
        (("reserve", identity), "approved"),
    ):
        assert said(fpso, "requisition", *moved)["state"] == state
    page = said(fpso, "stock", "ledger", "--part", "A=B")
    released = [it for it in page["items"] if it["kind"] == "release"]
    assert [(it["reserved"], it["reason"]) for it in released] == [
        ("-1", None),
        ("-1", "Counted"),
    ]
    level = ("stock", "level", "MAIN", "OIL")
    assert fpso(*level).exit_code == 1
    assert said(fpso, *level, "--minimum", "1", "--maximum", "9")["maximum"] == "9"
    assert "minimum  1\nmaximum  1,000\n" in fpso(*level, "--maximum", "1000").stdout
    assert said(fpso, *level)["maximum"] == "1000"
    page = said(fpso, "stock", "reorder", "--vessel", vessel)
    assert [(it["part"], it["quantity"]) for it in page["items"]] == [("A=B", "3")]
    page = said(fpso, "requisition", "list", "--waiting", "--state", "approved")
    assert [it["id"] for it in page["items"]] == [identity]
    shown = fpso("requisition", "show", identity).stdout.splitlines()
    assert f"for          {vessel} from MAIN" in shown
    assert shown[-1].split() == ["A=B", "seal", "5", "0", "2", "3", "EA"]
    assert "by           supervisor" in shown
    closed = fpso("requisition", "close", identity, "--reason", "Enough")
    assert "reason       Enough" in closed.stdout.splitlines()

    for verb in ("reject", "cancel"):
        it = said(fpso, *opened, "--submit")
        papers = ("--reason", "No", "--by", "supervisor")
        assert said(fpso, "requisition", verb, it["id"], *papers)["reason"] == "No"


def test_a_part_is_edited(fpso: Fpso) -> None:
    said(fpso, "part", "add", "SEAL", "--name", "seal", "--price", "2.50")
    edit = ("part", "edit", "SEAL")
    assert fpso(*edit).exit_code == 2
    more = ("--manufacturer", "Sealmaker", "--lead-time", "0", "--unit", "M")
    told = fpso(*edit, "--price", "3", "--name", "Dry gas seal", *more)
    assert told.stdout.splitlines() == [
        "number        SEAL",
        "name          Dry gas seal",
        "manufacturer  Sealmaker",
        "price         3.00 USD / M",
        "lead time     0 days",
    ]
    it = said(fpso, *edit, "--lead-time", "", "--manufacturer", "")
    assert (it["lead_time_days"], it["manufacturer"]) == (None, None)
    assert "/lead_time_days" in fpso(*edit, "--lead-time", "soon").stderr


def test_the_ledger_says_why(fpso: Fpso, vessel: str) -> None:
    said(fpso, "store", "add", "MAIN", "--vessel", vessel)
    said(fpso, "store", "add", "YARD")
    said(fpso, "part", "add", "SEAL", "--name", "seal", "--price", "2.50")
    said(fpso, "stock", "receive", "MAIN", "SEAL=3", "--reference", "DN 1")
    papers = ("--reason", "Short ashore", "--reference", "TN 2")
    said(fpso, "stock", "transfer", "MAIN", "YARD", "SEAL=1", *papers)
    cart = said(fpso, "requisition", "cart", vessel, "SEAL=1", *STORE, "--submit")
    shown = fpso("stock", "ledger", "--kind", "transfer").stdout.splitlines()
    assert shown[0].endswith("RESERVED  WHY")
    assert shown[2].endswith("  Short ashore, TN 2,…")

    def told(*words: str) -> set[str]:
        items = said(fpso, "stock", "ledger", *words)["items"]
        return {why(Movement.model_validate(item)) for item in items}

    who = "anonymous"
    assert told("--kind", "receive") == {f"DN 1, by {who}"}
    of_cart = f"for requisition {cart['id']}, by {who}"
    assert told("--requisition", cart["id"]) == {of_cart}
    moved = ("--kind", "transfer", "--store")
    assert told(*moved, "MAIN") == {f"Short ashore, TN 2, to YARD, by {who}"}
    assert told(*moved, "YARD") == {f"Short ashore, TN 2, from MAIN, by {who}"}
    assert told("--to", "2026-01-01") == set()
    assert told("--from", "2126-01-01") == set()


def test_a_requisition_is_edited(fpso: Fpso, vessel: str) -> None:
    said(fpso, "store", "add", "MAIN", "--vessel", vessel)
    said(fpso, "store", "add", "YARD")
    when = "2027-01-10T06:00:00Z"
    opened = ("requisition", "cart", vessel, *STORE, "--needed", when, "--note", "x")
    said(fpso, "part", "add", "SEAL", "--name", "seal", "--price", "2.50")
    it = said(fpso, *opened, "SEAL=1")
    assert it["needed_at"] == when
    edited = ("requisition", "edit", it["id"])
    assert fpso(*edited).exit_code == 2
    it = said(fpso, *edited, "--needed", "", "--note", "", "--store", "YARD")
    assert (it["needed_at"], it["note"], it["store"]) == (None, None, "YARD")
    ordered = ("operation", "add", "5310B9D7", "--type", "repair", "--cost", "0")
    order = said(fpso, *ordered)["id"]
    shown = fpso(*edited, "--operation", order, "--needed", when, "--note", "Pump A")
    needs = (
        f"operation    {order}\nneeded       2027-01-10 06:00 UTC\nnote         Pump A"
    )
    assert needs in shown.stdout
    assert said(fpso, *edited, "--operation", "")["operation"] is None


def test_what_cannot_be_is_refused(fpso: Fpso, vessel: str) -> None:
    said(fpso, "store", "add", "MAIN", "--vessel", vessel)
    for words in (
        ("stock", "receive", "MAIN", "SEAL"),
        ("part", "fit", "SEAL"),
        ("part", "fit", "SEAL", "--equipment", "A", "--model", "B"),
        ("part", "list", "--equipment", "A", "-q", "B"),
    ):
        assert fpso(*words).exit_code == 2
    refused = fpso("stock", "issue", "MAIN", "SEAL=1")
    assert refused.exit_code == 1
    assert "SEAL" in refused.stderr
    draft = fpso("requisition", "cart", vessel, "SEAL=1", "--store", "NOPE")
    assert draft.exit_code == 1
