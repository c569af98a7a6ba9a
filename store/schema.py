"""The tables. `store/migrations` makes them; a test holds the two to each other."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite keeps none, so the zone is put back when read."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if not isinstance(value, datetime):
            return None
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(**options: Any) -> sa.Column[str]:
    return sa.Column("id", sa.String(64), primary_key=True, **options)


def _conversation(**options: Any) -> sa.Column[str]:
    return sa.Column(
        "conversation",
        sa.String(64),
        sa.ForeignKey("conversations.id", ondelete="CASCADE"),
        nullable=False,
        **options,
    )


customers = sa.Table(
    "customers",
    metadata,
    _id(),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("address", sa.String(128), nullable=False),  # how the channel knows them
    sa.Column("name", sa.String(200)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("channel", "address"),
)

agents = sa.Table(
    "agents",
    metadata,
    _id(),
    sa.Column("email", sa.String(254), nullable=False, unique=True),  # lower case
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("password_hash", sa.String(200), nullable=False),  # argon2id
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("disabled_at", UtcDateTime),
)

agent_sessions = sa.Table(
    "agent_sessions",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),  # SHA-256 of the cookie's value
    sa.Column(
        "agent", sa.String(64), sa.ForeignKey("agents.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)

conversations = sa.Table(
    "conversations",
    metadata,
    _id(),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("customer", sa.String(64), sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("agent", sa.String(64), sa.ForeignKey("agents.id")),
    sa.Column("last_seq", sa.Integer, nullable=False, default=0),
    sa.Column("started_at", UtcDateTime, nullable=False),
    # The dialogue's short memory has to be cleared before the bot's next turn.
    sa.Column("reset_due", sa.Boolean, nullable=False, default=False),
)

messages = sa.Table(
    "messages",
    metadata,
    _id(),
    _conversation(),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("author", sa.String(16), nullable=False),
    sa.Column("agent", sa.String(64), sa.ForeignKey("agents.id")),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("key", sa.String(128)),  # the channel's own id, or the sender's idempotency key
    sa.Column("in_reply_to", sa.String(64)),
    sa.Column("part", sa.Integer),  # position within one reply
    sa.Column("handled_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.UniqueConstraint("conversation", "seq"),
    # A message posted twice stops here, and so does a reply worked out twice.
    sa.UniqueConstraint("conversation", "author", "key"),
    sa.UniqueConstraint("in_reply_to", "kind", "part"),
)
# The work queue: what customers wrote and nobody has dealt with.
sa.Index(
    "ix_messages_unhandled",
    messages.c.conversation,
    messages.c.seq,
    sqlite_where=sa.text("handled_at IS NULL AND author = 'customer'"),
    postgresql_where=sa.text("handled_at IS NULL AND author = 'customer'"),
)

handoffs = sa.Table(
    "handoffs",
    metadata,
    _id(),
    sa.Column("reference", sa.String(32), nullable=False, unique=True),  # H-000012
    _conversation(index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("trigger", sa.String(32), nullable=False),
    sa.Column("rule", sa.String(200), nullable=False),
    sa.Column("urgency", sa.String(16), nullable=False),
    sa.Column("incident", sa.Boolean, nullable=False, default=False),
    sa.Column("message", sa.String(64)),  # the customer's message that set it off
    sa.Column("packet", sa.JSON, nullable=False),
    sa.Column("agent", sa.String(64), sa.ForeignKey("agents.id")),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("waiting_told_at", UtcDateTime),  # the customer was told that nobody was free yet
    sa.Column("accepted_at", UtcDateTime),
    sa.Column("first_answer_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("outcome", sa.String(32)),
)
# At most one open handoff in a conversation, whoever asks for it at the same time.
sa.Index(
    "uq_handoffs_open",
    handoffs.c.conversation,
    unique=True,
    sqlite_where=sa.text("ended_at IS NULL"),
    postgresql_where=sa.text("ended_at IS NULL"),
)

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),  # rising: the latest of a name counts
    _conversation(),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),  # verified, customer_says, ...
    sa.Column("message", sa.String(64), nullable=False),  # the customer's message it comes from
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("conversation", "name", "message"),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),  # rising: the order in which steps were met
    _conversation(),
    sa.Column("article", sa.String(128), nullable=False),
    sa.Column("version", sa.String(16), nullable=False),
    sa.Column("article_title", sa.String(200), nullable=False),
    sa.Column("step", sa.String(128), nullable=False),  # the section's anchor
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),  # shown, helped, did_not_help, ...
    sa.Column("shown_by", sa.String(64), nullable=False),  # the customer's message it answered
    sa.Column("decided_by", sa.String(64)),  # the customer's message that told the outcome
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("conversation", "article", "step"),
)

purchases = sa.Table(
    "purchases",
    metadata,
    sa.Column("order_number", sa.String(32), primary_key=True),
    sa.Column("product", sa.String(32), nullable=False),  # dishwasher, ...
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("serial_number", sa.String(64), nullable=False, unique=True),
    sa.Column("customer_name", sa.String(200), nullable=False),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("postcode", sa.String(16), nullable=False),
    sa.Column("phone_number", sa.String(32)),
    sa.Column("country", sa.String(2), nullable=False),  # ISO 3166, e.g. DE
    sa.Column("ordered_on", sa.Date, nullable=False),
    sa.Column("delivered_on", sa.Date),
    sa.Column("price_cents", sa.Integer, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("payment_method", sa.String(32), nullable=False),
)

proofs = sa.Table(
    "proofs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _conversation(),
    sa.Column("order_number", sa.String(32), nullable=False),  # as the customer wrote it
    sa.Column("held", sa.Boolean, nullable=False),  # false: the two facts did not match
    sa.Column("message", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("conversation", "message"),
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("number", sa.String(32), primary_key=True),  # RMA-000017
    sa.Column("kind", sa.String(16), nullable=False),  # return, complaint, warranty
    sa.Column("status", sa.String(16), nullable=False),
    _conversation(index=True),
    sa.Column("order_number", sa.String(32)),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("message", sa.String(64), nullable=False),  # the customer's message that opened it
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("message", "kind"),  # an action that runs twice opens one case
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _conversation(index=True),
    sa.Column("article", sa.String(128)),
    sa.Column("section", sa.String(128)),
    sa.Column("helped", sa.Boolean),
    sa.Column("text", sa.Text),
    sa.Column("message", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("version", sa.String(16)),  # of the article, when the customer read it
    sa.UniqueConstraint("message"),
)

page_verdicts = sa.Table(
    "page_verdicts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("article", sa.String(128), nullable=False),
    sa.Column("version", sa.String(16), nullable=False),
    sa.Column("helped", sa.Boolean, nullable=False),
    # Tells one visitor of one day from the others, and is taken out when that day is over.
    sa.Column("mark", sa.String(64)),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("mark"),
)
