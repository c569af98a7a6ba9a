"""The three processes, started for real, then killed."""
