"""`python -m app`: one backend process, as both front doors run it."""

import sys
from socket import socket

import uvicorn

from app.settings import Settings
from app.stopping import stopping


class Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Let those who wait for changes have their answer before it waits for them."""
        stopping.set()
        await super().shutdown(sockets)


def main() -> None:
    settings = Settings()  # from the environment
    config = uvicorn.Config(
        "app.main:from_environment",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Longer than the 90 s for which Traefik keeps idle connections: closing
        # first would turn the next POST on such a connection into a 502.
        timeout_keep_alive=120,
        timeout_graceful_shutdown=20,
    )
    server = Server(config)
    server.run()
    if not server.started:
        sys.exit(3)  # as uvicorn's own command does


if __name__ == "__main__":
    main()
