"""Tests of `bot/`. They run in the Rasa environment: `pytest tests/bot` with its interpreter."""
