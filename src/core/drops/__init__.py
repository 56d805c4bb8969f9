"""Drops: objects put into the inbox become edits, and their results manifests.

notifications  what S3 reports about the inbox, decoded
naming         which objects belong together, and where results go
recipes        what to do with an image, and where that is written
owners         who pays: prefixes of the inbox and the callers they are mapped to
intake         from a notification to a job, or to an error.json
results        from the end of a job to result.json or error.json
"""
