import signal
from collections.abc import Generator

import pytest

from compose_tests.stack import PORT, compose, port_is_free, ready, wait_until


@pytest.fixture(scope="session", autouse=True)
def stack() -> Generator[None]:
    """Start the stack as `docker compose up` does; leave nothing of it behind."""
    # A terminated run must clean up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
    if not port_is_free():
        pytest.exit(f"Port {PORT} is in use: free it, or set FPSO_HTTP_PORT.", 2)
    try:
        compose("build")
        compose("up", "--detach")
        try:
            wait_until("the stack is ready", ready, 120)
        except AssertionError as late:
            said = compose("logs", "--no-color", "--tail=60", check=False)
            raise AssertionError(said) from late
        yield
    finally:
        compose("down", "--volumes", "--remove-orphans", "--timeout", "10")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the services last said."""
    report = yield
    if report.failed and call.when == "call":
        said = compose("logs", "--no-color", "--tail=40", check=False)
        report.sections.append((f"the stack's log after {item.name}", said))
    return report
