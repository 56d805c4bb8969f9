"""The S3 door: objects dropped into the inbox become edits, and their results manifests.

notifications  what S3 says of the inbox, told apart and decoded
naming         which objects belong together, and where results go
recipes        what is to be done with an image, and where that is written
owners         who pays: prefixes of the inbox and the callers they are mapped to
intake         from a notification to a job, or to an error.json
results        from the end of a job to result.json or error.json
"""
