"""Dimensions: numbers beside the label of a dataset's clip."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("dataset_clip", sa.Column("dimensions", sa.JSON()))


def downgrade() -> None:
    op.drop_column("dataset_clip", "dimensions")
