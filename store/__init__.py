"""Where everything is kept: SQLite or PostgreSQL, plain functions over an open transaction."""
