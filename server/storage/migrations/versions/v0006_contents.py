"""Prompts and answers of workspaces that want them kept.

A step is never edited after a release. Types are spelt out, so that they do not change with the code.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the table."""
    op.create_table(
        "contents",
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("is_cut", sa.Boolean(), nullable=False),
        sa.Column("is_redacted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_contents"),
    )
    op.create_index("ix_contents_created_at", "contents", ["created_at"])
    op.create_index("ix_contents_workspace_id", "contents", ["workspace_id"])
