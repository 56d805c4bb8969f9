"""The JSON that callers see."""
