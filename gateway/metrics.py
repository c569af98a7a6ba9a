"""What Prometheus reads at `/metrics`. Labels are few and fixed; none holds a customer's words."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("aftercare_messages", "Messages stored", ["author"])
TURNS = Counter("aftercare_turns", "Turns of the bot", ["outcome"])
TURN_SECONDS = Histogram(
    "aftercare_turn_seconds",
    "From a message being taken up to its reply being stored",
    buckets=(0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2),
)
RASA_SECONDS = Histogram(
    "aftercare_rasa_seconds",
    "One call of Rasa's turn channel",
    buckets=(0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6),
)
NOTICES = Counter("aftercare_notices", "Times a customer was told that an answer takes longer")
HANDOFFS = Counter("aftercare_handoffs", "Conversations handed to a person", ["trigger"])
SOCKETS = Gauge("aftercare_sockets", "Open WebSockets", ["page"])
UNHANDLED = Gauge("aftercare_unhandled_conversations", "Conversations being worked on")
