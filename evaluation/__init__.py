"""Measuring what the bot finds and understands. See `docs/decisions` for what came out."""
