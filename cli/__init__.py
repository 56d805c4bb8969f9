"""The operator's command line; it works against AWS and the laptop cloud alike."""
