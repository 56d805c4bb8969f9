"""Webhook messages: what they say, where they may go, and how they get there."""
