"""`python -m app.openapi > openapi.json`: the contract, as it is committed."""

import json
import sys

from app.main import create_app
from app.settings import Settings


def spell() -> str:
    # Nothing in the contract depends on a setting; no database is asked.
    settings = Settings.model_validate({"database_url": "postgresql://localhost/fpso"})
    schema = create_app(settings).openapi()
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(spell())
