"""`fpso up`, from its first word to its exit code."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import httpx2
from pydantic import ValidationError
from rich.console import Console

from app import demo
from app.embedded import box
from app.embedded.errors import CannotStartError
from app.embedded.lock import only_one
from app.embedded.settings import EmbeddedSettings
from app.embedded.stack import Stack

SIGNS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def listen_to_signals() -> None:
    """Let each sign that ends us do it once, in order, whatever follows it."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        for sign in SIGNS:
            signal.signal(sign, signal.SIG_IGN)
        raise KeyboardInterrupt

    for sign in SIGNS:
        # `nohup` wants the end of the terminal to be ignored. A shell without job
        # control ignores Ctrl-C for what runs in the background; `kill -INT` counts.
        if sign != signal.SIGHUP or signal.getsignal(sign) != signal.SIG_IGN:
            signal.signal(sign, interrupt)


def words(error: ValidationError) -> str:
    return "; ".join(
        f"FPSO_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}"
        for each in error.errors()
    )


def load_demo(stack: Stack) -> None:
    try:
        demo.load(stack.url)
    except httpx2.HTTPError as error:
        reason = str(error).partition("\n")[0]
        stack.tell(f"The demo fleet could not be loaded ({reason}); all else runs.")


def run(settings: EmbeddedSettings, console: Console) -> None:
    def tell(sentence: str) -> None:
        console.print(sentence, highlight=False, soft_wrap=True)

    stack = Stack(settings, tell)
    with only_one(settings.folder):
        try:
            with console.status("Starting PostgreSQL, the backends and Traefik …"):
                stack.start()
                if settings.demo:
                    load_demo(stack)
            box.show(console, stack)
            stack.tend()
        except KeyboardInterrupt:
            tell("Stopping …")
        finally:
            stack.stop()
    tell(f"Stopped. The data stays in {box.near(settings.folder)}.")


def up() -> None:
    listen_to_signals()
    try:
        run(EmbeddedSettings(), Console())
    except ValidationError as error:
        sys.exit(f"fpso up: {words(error)}")
    except CannotStartError as error:
        sys.exit(f"fpso up: {error}")
    except OSError as error:
        sys.exit(
            f"fpso up: the system refused to go on ({error}): mend that, or name "
            "another folder for data and logs in FPSO_HOME."
        )
