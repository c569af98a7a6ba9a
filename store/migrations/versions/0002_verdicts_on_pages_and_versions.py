"""Verdicts on help pages, and the version that a verdict is about."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEPT = "conversation, article, section, helped, text, message, at"


def upgrade() -> None:
    """Add a table, and a column to another."""
    op.create_table(
        "page_verdicts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("article", sa.String(128), nullable=False),
        sa.Column("version", sa.String(16), nullable=False),
        sa.Column("helped", sa.Boolean(), nullable=False),
        sa.Column("mark", sa.String(64), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_verdicts")),
        sa.UniqueConstraint("mark", name=op.f("uq_page_verdicts_mark")),
    )
    # Made anew, so that an old database and a new one have the very same table: SQLite writes an
    # added column behind the constraints.
    op.execute("CREATE TABLE feedback_before AS SELECT * FROM feedback")
    op.drop_table("feedback")
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("article", sa.String(128), nullable=True),
        sa.Column("section", sa.String(128), nullable=True),
        sa.Column("helped", sa.Boolean(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("message", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.String(16), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation"],
            ["conversations.id"],
            name=op.f("fk_feedback_conversation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("message", name=op.f("uq_feedback_message")),
    )
    # Without their ids: PostgreSQL's sequence would give the same ones out again.
    op.execute(
        f"INSERT INTO feedback ({_KEPT}) SELECT {_KEPT} FROM feedback_before ORDER BY id"  # noqa: S608
    )
    op.drop_table("feedback_before")
    op.create_index(op.f("ix_feedback_conversation"), "feedback", ["conversation"])


def downgrade() -> None:
    """Drop both."""
    op.drop_column("feedback", "version")
    op.drop_table("page_verdicts")
