"""What the environment may say, and what is refused before anything starts."""

import pytest
from pydantic import ValidationError

from app.settings import Settings

URL = "postgresql://fpso:hunter2@db.example.org:5433/fpso"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FPSO_{name.upper()}", raising=False)
    monkeypatch.setenv("FPSO_DATABASE_URL", URL)


def test_only_the_database_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().currency == "USD"
    monkeypatch.delenv("FPSO_DATABASE_URL")
    with pytest.raises(ValidationError, match="database_url"):
        Settings()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_what_is_set_to_nothing_is_not_set(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name != "database_url":
        monkeypatch.setenv(f"FPSO_{name.upper()}", "")
        assert Settings() == Settings.model_validate({"database_url": URL})


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        (URL, "postgresql+asyncpg://fpso:hunter2@db.example.org:5433/fpso"),
        ("postgres://db/fpso", "postgresql+asyncpg://db/fpso"),
        ("postgresql+asyncpg://db/fpso", "postgresql+asyncpg://db/fpso"),
        ("postgresql+psycopg://u@db/fpso", "postgresql+asyncpg://u@db/fpso"),
        (
            "postgresql://db/fpso?sslmode=require&application_name=x",
            "postgresql+asyncpg://db/fpso?ssl=require&application_name=x",
        ),
        (
            "postgresql://db/fpso?application_name=x&sslmode=verify-full",
            "postgresql+asyncpg://db/fpso?application_name=x&ssl=verify-full",
        ),
    ],
)
def test_every_spelling_of_the_database_is_understood(
    monkeypatch: pytest.MonkeyPatch, given: str, driver: str
) -> None:
    monkeypatch.setenv("FPSO_DATABASE_URL", given)
    assert Settings().async_database_url == driver
    assert Settings().async_migration_database_url == driver
    owner = "postgres://owner@db/fpso?sslmode=require"
    monkeypatch.setenv("FPSO_MIGRATION_DATABASE_URL", owner)
    assert Settings().async_database_url == driver
    expected = "postgresql+asyncpg://owner@db/fpso?ssl=require"
    assert Settings().async_migration_database_url == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "mysql://fpso:hunter2@db/fpso"),
        ("database_url", "fpso:hunter2@db"),
        ("port", "70000"),
        ("port", "http"),
        ("pool_size", "0"),
        ("public_url", "fpso.example.org"),
        ("cors_origins", "*"),
        ("cors_origins", "https://a.example.org,*"),
        ("currency", "usd"),
        ("currency", "DOLLAR"),
        ("log_level", "loud"),
    ],
)
def test_nonsense_is_refused_without_telling_the_password(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"FPSO_{name.upper()}", value)
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert name in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_origins_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = " https://a.example.org, http://localhost:3000 ,"
    monkeypatch.setenv("FPSO_CORS_ORIGINS", origins)
    assert Settings().cors_origins == ("https://a.example.org", "http://localhost:3000")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().currency = "BRL"  # type: ignore[misc]
