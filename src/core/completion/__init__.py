"""The end of a job: who is informed, and how."""
