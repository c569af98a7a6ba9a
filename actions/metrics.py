"""What Prometheus reads at the action server's `/metrics`."""

from prometheus_client import Gauge, Histogram

ACTION_SECONDS = Histogram(
    "aftercare_action_seconds",
    "From an action being called to what it says",
    ["action"],
    buckets=(0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56),
)

KNOWLEDGE_DEGRADED = Gauge(
    "aftercare_knowledge_degraded",
    "1 while the knowledge release that should be served is damaged and an older one answers",
)
