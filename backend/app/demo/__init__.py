"""A fleet to look at, made up by us, loaded the way users load theirs.

Two sister ships share one register, as sister ships share tags, and one map of sensors;
the third keeps its own register, in Norwegian. No name is one bare word, such as
compressor, so that the costs of the user's own equipment of that name stay theirs.
"""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from string import Template

import httpx2

FLEET = (
    ("MA101", "FPSO Maré Alta", "mare.csv"),
    ("MA102", "FPSO Maré Mansa", "mare.csv"),
    ("NA201", "FPSO Nordavind", "nordavind.csv"),
)
LOGS = (("MA101", "mare-alta.log"), ("MA102", "mare-mansa.log"))
MAPPING = '{"parent": {"column": "parent", "refers_to": "tag"}}'
# Maré Mansa's test separator is laid up, which Maré Alta's is not.
LAID_UP = ["MA102-20-VA-2003", "MA102-20-PT-2003", "MA102-20-LT-2003"]
FOLDER = files(__name__)

# A log and work say how many days ago it was: what they tell of has just gone by.
LOGGED = re.compile(r"^\[(\d+) ", re.MULTILINE)
WORKED = re.compile(r"<(\d+) (\d\d:\d\d)>")
REQUEST = re.compile(r"^(?:(\w+) = )?([^#\s]\S*) (\{.*\})$", re.MULTILINE)


def load(url: str) -> bool:
    """Whether it was loaded: only into a server at `url` that has no vessel."""
    with httpx2.Client(base_url=f"{url.rstrip('/')}/api/v1/", timeout=60) as http:
        return load_into(http)


def load_into(http: httpx2.Client) -> bool:
    """`http` has the API's base path as its `base_url`."""
    if answer(http.get("vessels", params={"limit": 1}))["items"]:
        return False
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for code, name, register in FLEET:
        answer(http.post("vessels", json={"code": code, "name": name}))
        load_file(http, f"vessels/{code}/imports", register, today, mapping=MAPPING)
    answer(http.post("equipment/deactivate", json={"codes": LAID_UP}))
    load_operations(http, today)
    for vessel, log in LOGS:
        load_file(http, f"vessels/{vessel}/sensors/imports", "sensors.csv", today)
        load_file(http, f"vessels/{vessel}/failures/imports", log, today)
    do_work(http, today)
    return True


def load_file(
    http: httpx2.Client, path: str, name: str, today: datetime, **params: str
) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    text = LOGGED.sub(lambda on: f"[{ago(today, on[1]):%Y-%m-%d} ", text)
    headers = {"Content-Type": "text/plain" if name.endswith(".log") else "text/csv"}
    params["filename"] = name
    plan = http.post(path, params=params, headers=headers, content=text.encode())
    answer(http.post(f"imports/{answer(plan)['id']}/apply"))


def load_operations(http: httpx2.Client, today: datetime) -> None:
    with (FOLDER / "operations.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            order = {
                "code": f"{row['vessel']}-{row['tag']}",
                "type": row["type"],
                "cost": row["cost"],
                "performed_at": f"{ago(today, row['days_ago']):%Y-%m-%d}T08:00:00Z",
                "note": row["note"],
            }
            answer(http.post("operations", json=order))


def do_work(http: httpx2.Client, today: datetime) -> None:
    """Ask for what a crew asked for; what an answer made has a name from then on."""
    text = (FOLDER / "work.txt").read_text(encoding="utf-8")
    text = WORKED.sub(lambda on: f"{ago(today, on[1]):%Y-%m-%d}T{on[2]}:00Z", text)
    named: dict[str, object] = {}
    for name, path, body in REQUEST.findall(text):
        where, what = (Template(each).substitute(named) for each in (path, body))
        made = answer(http.post(where, json=json.loads(what)))
        if name:
            named[name] = made.get("number") or made["id"]


def ago(today: datetime, days: str) -> datetime:
    return today - timedelta(days=int(days))


def answer(response: httpx2.Response) -> dict[str, object]:
    content: dict[str, object] = response.raise_for_status().json()
    return content
