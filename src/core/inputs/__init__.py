"""The input images of an edit: read from a form, a data URL or the web, and checked by their bytes before any money.

Nothing in here knows AWS or a Lambda event.
"""
