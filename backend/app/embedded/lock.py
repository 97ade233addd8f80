"""One supervisor a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded.errors import CannotStartError


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the kernel drops when we end in whatever way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a+")
    except OSError as error:
        raise CannotStartError(
            f"{folder} cannot be written ({error.strerror}): mend that, or name "
            "another folder in FPSO_HOME."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise CannotStartError(
                f"FPSO runs already on {folder} (process {file.read().strip()}): stop "
                "that one first, or name another folder in FPSO_HOME and another "
                "port in FPSO_HTTP_PORT."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
