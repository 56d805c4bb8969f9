"""Images: results and inputs, their bytes, and where those are stored."""
