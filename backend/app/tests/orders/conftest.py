import pytest
from httpx2 import AsyncClient

from app.tests.orders.factories import fleet


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    await fleet(client)
    return client
