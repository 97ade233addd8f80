"""Everything the service reads from its environment; docs/settings.md explains it."""

import re
from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import Field, PostgresDsn, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="FPSO_",
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,  # the URL of the database holds a password
    )

    database_url: Annotated[
        PostgresDsn,
        Field(description="PostgreSQL 18 or newer: postgresql://user:password@host/db"),
    ]
    migration_database_url: Annotated[
        PostgresDsn | None,
        Field(
            description="The same database by the role that owns its tables: `alembic` "
            "then gives the role of `FPSO_DATABASE_URL` what a backend needs, no more."
        ),
    ] = None
    host: Annotated[str, Field(description="Address on which a backend listens.")] = (
        "127.0.0.1"
    )
    port: Annotated[
        int, Field(ge=0, le=65535, description="Port on which a backend listens.")
    ] = 8000
    pool_size: Annotated[
        int,
        Field(
            ge=1,
            le=100,
            description="Connections of each of the two pools a backend keeps.",
        ),
    ] = 10
    public_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s]+$",
            description="Where clients reach the API; makes the `type` of an error "
            "an absolute address.",
        ),
    ] = None
    cors_origins: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(
            description="Comma-separated origins whose pages may call the API, "
            "such as https://console.example.org; empty for none."
        ),
    ] = ()
    currency: Annotated[
        str,
        Field(
            pattern=r"^[A-Z]{3}$",
            description="ISO 4217 code of the one currency in which costs are kept.",
        ),
    ] = "USD"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="The least severe events that are logged."),
    ] = "info"

    @field_validator("cors_origins", mode="before")
    @classmethod
    def split_origins(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def name_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in origins:
            raise ValueError("name each origin; * would let any page call the API")
        return origins

    @property
    def async_database_url(self) -> str:
        return _for_asyncpg(self.database_url)

    @property
    def async_migration_database_url(self) -> str:
        return _for_asyncpg(self.migration_database_url or self.database_url)


def _for_asyncpg(url: PostgresDsn) -> str:
    """The same database, spelt for SQLAlchemy's asyncpg dialect."""
    _, _, rest = str(url).partition("://")
    # An option that URLs spell as libpq does, and asyncpg in its own way.
    rest = re.sub(r"(?<=[?&])sslmode=", "ssl=", rest)
    return f"postgresql+asyncpg://{rest}"


async def get_currency(request: Request) -> str:
    settings: Settings = request.app.state.settings
    return settings.currency


CurrencyDep = Annotated[str, Depends(get_currency)]
