"""Generating and editing images for money."""
