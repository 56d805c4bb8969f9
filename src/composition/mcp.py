"""What the MCP server needs besides the common services: its settings."""

from composition.process import once
from core.settings import McpSettings


@once
def settings() -> McpSettings:
    """The settings, read from the environment."""
    return McpSettings.from_environment()
