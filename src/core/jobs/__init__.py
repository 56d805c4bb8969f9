"""Jobs, from being queued to their end."""
