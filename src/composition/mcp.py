"""What the MCP door is made of beside the doors' common parts: who may reach it, and how it is called."""

from composition.process import once
from core.settings import McpSettings


@once
def settings() -> McpSettings:
    """The settings of this process, read from its environment."""
    return McpSettings.from_environment()
