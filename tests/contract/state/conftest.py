"""One Valkey server for the tests of a worker process."""

from tests.unit.server.state.conftest import valkey

__all__ = ["valkey"]
