"""What workspaces decide, when members joined, limits and rotation of keys, and values sealed for the gateway itself.

A step is never edited after a release. Types are spelt out, so that it does not change with the code.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds columns with defaults, so that the program before this step still works, and one table."""
    for name, kind, default in (
        ("weights", sa.Text(), "[]"),
        ("content_policy", sa.String(length=16), "metadata"),
        ("cache_policy", sa.String(length=16), "default"),
    ):
        op.add_column("workspaces", sa.Column(name, kind, nullable=False, server_default=default))
    op.add_column("members", sa.Column("created_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE members SET created_at = (SELECT created_at FROM workspaces WHERE workspaces.id = members.workspace_id)"
    )
    for name in ("requests_per_minute", "requests_per_day", "tokens_per_minute", "tokens_per_day"):
        op.add_column("gateway_keys", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("gateway_keys", sa.Column("replaced_by", sa.String(length=64), nullable=True))
    op.create_table(
        "sealed_values",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_sealed_values"),
    )
