"""Who is calling: API keys, browser tokens, and access tokens of an operator's sign-in."""
