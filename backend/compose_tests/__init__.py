"""Tries front door two for real: `make compose-test`, which needs a Docker engine."""
