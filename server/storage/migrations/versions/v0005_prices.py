"""Prices that workspaces set for themselves.

A step is never edited after a release. Types are spelt out, so that it does not change with the code.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the lists and their rows."""
    op.create_table(
        "price_lists",
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_price_lists"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_price_lists_workspace_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "price_rows",
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("input_nanousd", sa.BigInteger(), nullable=False),
        sa.Column("output_nanousd", sa.BigInteger(), nullable=False),
        sa.Column("cache_read_nanousd", sa.BigInteger(), nullable=True),
        sa.Column("cache_write_nanousd", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "provider", "model", name="pk_price_rows"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_price_rows_workspace_id", ondelete="CASCADE"
        ),
    )
