"""Webhook messages: what they contain, where they may be sent, and how they are delivered."""
