"""The operator's command line, for AWS and for a local deployment."""
