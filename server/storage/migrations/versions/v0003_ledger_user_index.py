"""Finds a user's requests of a day, for limits that outlive a restart."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the index."""
    op.create_index("ix_operations_user_id_created_at", "operations", ["user_id", "created_at"])
