"""How streams of a workspace go out.

A step is never edited after a release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds a column, with which the program before this step still works."""
    column = sa.Column("stream_mode", sa.String(length=16), nullable=False, server_default="direct")
    op.add_column("workspaces", column)
