"""The times of an only attempt in the row of its operation, which says the rest of it already.

A step is never edited after a release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds columns, with which the program before this step still works.

    It writes a row for each attempt, as before. Of operations that were written after the step it finds no attempt that
    went well at once, so that it neither shows it nor counts its operation for the limits of a day.
    """
    for name in ("call_started_at", "call_latency_ms", "call_first_token_ms"):
        op.add_column("operations", sa.Column(name, sa.BigInteger(), nullable=True))
