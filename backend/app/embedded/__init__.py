"""`fpso up`: PostgreSQL, two backends and Traefik on one machine, with no Docker."""
