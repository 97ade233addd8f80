"""A fleet to look at, made up by us, loaded the way users load theirs.

Two sister ships share one register, as sister ships share tags; the third keeps its
own, in Norwegian. No name is one bare word, such as compressor, so that the costs of
the user's own equipment of that name stay theirs.
"""

import csv
import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import httpx2

FLEET = (
    ("MA101", "FPSO Maré Alta", "mare.csv"),
    ("MA102", "FPSO Maré Mansa", "mare.csv"),
    ("NA201", "FPSO Nordavind", "nordavind.csv"),
)
MAPPING = {"parent": {"column": "parent", "refers_to": "tag"}}
# Maré Mansa's test separator is laid up, which Maré Alta's is not.
LAID_UP = ["MA102-20-VA-2003", "MA102-20-PT-2003", "MA102-20-LT-2003"]
FOLDER = files(__name__)


def load(url: str) -> bool:
    """Whether it was loaded: only into a server at `url` that has no vessel."""
    with httpx2.Client(base_url=f"{url.rstrip('/')}/api/v1/", timeout=60) as http:
        return load_into(http)


def load_into(http: httpx2.Client) -> bool:
    """`http` has the API's base path as its `base_url`."""
    if answer(http.get("vessels", params={"limit": 1}))["items"]:
        return False
    for code, name, register in FLEET:
        answer(http.post("vessels", json={"code": code, "name": name}))
        load_register(http, code, register)
    answer(http.post("equipment/deactivate", json={"codes": LAID_UP}))
    load_operations(http)
    return True


def load_register(http: httpx2.Client, vessel: str, register: str) -> None:
    plan = answer(
        http.post(
            f"vessels/{vessel}/imports",
            params={"filename": register, "mapping": json.dumps(MAPPING)},
            headers={"Content-Type": "text/csv"},
            content=(FOLDER / register).read_bytes(),
        )
    )
    answer(http.post(f"imports/{plan['id']}/apply"))


def load_operations(http: httpx2.Client) -> None:
    today = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0)
    with (FOLDER / "operations.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            order = {
                "code": f"{row['vessel']}-{row['tag']}",
                "type": row["type"],
                "cost": row["cost"],
                "performed_at": (
                    today - timedelta(days=int(row["days_ago"]))
                ).isoformat(),
                "note": row["note"],
            }
            answer(http.post("operations", json=order))


def answer(response: httpx2.Response) -> dict[str, object]:
    content: dict[str, object] = response.raise_for_status().json()
    return content
