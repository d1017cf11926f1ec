"""Finds the rows of a page by what filters ask for, in the index that also has their order.

A step is never edited after a release.
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Puts an index in the place of another. Names of models are cut as in the sums, so that they fit into it."""
    op.execute("UPDATE operations SET model = SUBSTR(model, 1, 200) WHERE LENGTH(model) > 200")
    op.create_index(
        "ix_operations_page",
        "operations",
        ["workspace_id", "created_at", "request_id", "provider", "model", "status", "outcome", "key_id"],
    )
    op.drop_index("ix_operations_workspace_id_created_at_request_id", table_name="operations")
