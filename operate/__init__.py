"""Setting up, starting and running an installation. Everything here is for its operator."""
