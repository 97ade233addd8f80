"""Whether this process was told to stop: what waits for long ends then."""

import asyncio

stopping = asyncio.Event()
