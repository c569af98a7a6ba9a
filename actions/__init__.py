"""What the bot can do: the actions that Rasa calls, one module per flow."""
