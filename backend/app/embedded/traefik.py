"""The door: Traefik on localhost, with the middlewares both front doors share."""

import json
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import CannotStartError
from app.embedded.process import Program

# A backend answers these itself, with words; Traefik would answer 400 without.
ENCODED = (
    "BackSlash",
    "Hash",
    "NullCharacter",
    "Percent",
    "QuestionMark",
    "Semicolon",
    "Slash",
)


def find() -> Path:
    beside = Path(sys.executable).parent / "traefik"
    found = beside if beside.exists() else shutil.which("traefik")
    if found is None:
        raise CannotStartError(
            "no Traefik was found: run `make install`, which brings one, or put one "
            "on PATH."
        )
    return Path(found)


def bindable(family: socket.AddressFamily, address: str, port: int) -> bool:
    """Whether this address exists and nobody listens there."""
    try:
        with socket.socket(family) as probe:
            # As Traefik will: connections that ended a moment ago do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            probe.listen(1)
    except OSError:
        return False
    return True


def addresses(port: int) -> list[str]:
    """Where `localhost` leads: always 127.0.0.1, and ::1 where the machine has it."""
    found = [f"127.0.0.1:{port}"]
    if bindable(socket.AF_INET6, "::1", 0):
        found.append(f"[::1]:{port}")
    return found


def is_free(port: int) -> bool:
    return bindable(socket.AF_INET, "127.0.0.1", port) and (
        bindable(socket.AF_INET6, "::1", port)
        or not bindable(socket.AF_INET6, "::1", 0)
    )


@dataclass(frozen=True)
class Door:
    folder: Path
    port: int
    management: int
    backends: tuple[int, ...]

    def write(self, middlewares: Path) -> None:
        """Write what Traefik serves: the shared chain, and our backends behind it."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "middlewares.yml").write_bytes(middlewares.read_bytes())
        balancer = {
            "servers": [{"url": f"http://127.0.0.1:{port}"} for port in self.backends],
            "serversTransport": "fpso-backends@file",
        }
        health = {"path": "/readyz", "interval": "1s", "timeout": "1s"}
        services = {
            # When no backend is ready, because the database is not, let them say so:
            # Traefik's own 503 has no words and no Retry-After, even for /livez.
            "fpso": {"failover": {"service": "fpso-ready", "fallback": "fpso-any"}},
            "fpso-ready": {"loadBalancer": {**balancer, "healthCheck": health}},
            "fpso-any": {"loadBalancer": balancer},
        }
        router = {
            "rule": "PathPrefix(`/`)",
            "service": "fpso",
            "middlewares": ["fpso-front@file"],
        }
        dynamic = {"http": {"routers": {"fpso": router}, "services": services}}
        # JSON is YAML, and needs no library.
        (self.folder / "services.yml").write_text(json.dumps(dynamic, indent=2))

    def program(self) -> Program:
        options = [
            "global.checkNewVersion=false",
            "global.sendAnonymousUsage=false",
            "log.noColor=true",
            "log.level=WARN",
            f"providers.file.directory={self.folder}",
            f"entryPoints.traefik.address=127.0.0.1:{self.management}",
            "entryPoints.traefik.http.aliasHeadersStrategy=delete",
            "ping=true",
            "api.insecure=true",  # the dashboard, read-only and on loopback
            "api.disableDashboardAd=true",
            "metrics.prometheus=true",
        ]
        for number, address in enumerate(addresses(self.port)):
            entry = f"entryPoints.web{number}"
            options += [
                f"{entry}.address={address}",
                f"{entry}.http.aliasHeadersStrategy=delete",
                # `?delimiter=;` would arrive as `?delimiter=&`.
                f"{entry}.http.encodeQuerySemicolons=true",
                # 100 MiB over a satellite link of 64 kbit/s.
                f"{entry}.transport.respondingTimeouts.readTimeout=6h",
                f"{entry}.transport.lifeCycle.graceTimeOut=20s",
            ]
            options += [
                f"{entry}.http.encodedCharacters.allowEncoded{name}=true"
                for name in ENCODED
            ]
        return Program([find(), *(f"--{option}" for option in options)])
