"""What `fpso up` reads from its environment; docs/settings.md explains it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, PostgresDsn
from pydantic_settings import BaseSettings, SettingsConfigDict

CLONE = Path(__file__).resolve().parents[3]


class EmbeddedSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="FPSO_", env_ignore_empty=True, frozen=True
    )

    http_port: Annotated[
        int,
        Field(ge=1, le=65535, description="Port of localhost that Traefik serves."),
    ] = 8088
    backends: Annotated[
        int,
        Field(ge=1, le=16, description="Backends among which Traefik balances."),
    ] = 2
    demo: Annotated[
        bool,
        Field(description="Load a small fleet when the database has no vessel."),
    ] = True
    home: Annotated[
        Path | None,
        Field(description="Folder of data and logs; `.fpso` in the clone by default."),
    ] = None
    pg_bin: Annotated[
        Path | None,
        Field(
            description="Folder of the programs of a PostgreSQL 18 or newer; by "
            "default the one on PATH, else the one that `make install` brings."
        ),
    ] = None
    database_url: Annotated[
        PostgresDsn | None,
        Field(
            description="Your own PostgreSQL 18 or newer, which is then used instead "
            "of an embedded one."
        ),
    ] = None
    migration_database_url: Annotated[
        PostgresDsn | None,
        Field(
            description="The same database by the role that owns its tables, if that "
            "is another one."
        ),
    ] = None

    @property
    def folder(self) -> Path:
        return (self.home or CLONE / ".fpso").resolve()
