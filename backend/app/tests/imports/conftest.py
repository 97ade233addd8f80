from collections.abc import AsyncGenerator

import pytest
from httpx2 import AsyncClient

from app.database import create_engine, create_sessions
from app.main import create_app
from app.settings import Settings
from app.tests.conftest import client_for


@pytest.fixture
async def narrow(fresh: Settings) -> AsyncGenerator[AsyncClient]:
    """A client of a backend with one database connection."""
    settings = fresh.model_copy(update={"pool_size": 1})
    engine = create_engine(settings)
    async with client_for(create_app(settings), create_sessions(engine)) as client:
        yield client
    await engine.dispose()
