"""`python -m app`: one backend process, as both front doors run it."""

import uvicorn

from app.settings import Settings


def main() -> None:
    settings = Settings()  # from the environment
    uvicorn.run(
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


if __name__ == "__main__":
    main()
