"""How long requests of a workspace may take, and whether they are hedged.

A step is never edited after a release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds two columns, with which the program before this step still works."""
    op.add_column("workspaces", sa.Column("hedge", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("workspaces", sa.Column("request_timeout_s", sa.Float(), nullable=True))
