"""The end of a job: who is informed of it, and how."""
