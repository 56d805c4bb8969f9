"""What lansespirit/image-gen-mcp, of which Easel is the successor, imports before it serves: its set, not its code.

Read in its repository at commit 191b26e: the MCP SDK's FastMCP, OpenAI's client, Pillow, pydantic, and what its stores,
caches and Google's credentials need.
"""

import asyncio  # noqa: F401 - all of these are imported because the ancestor does

import aiofiles  # noqa: F401
import aiohttp  # noqa: F401
import dotenv  # noqa: F401
import google.auth  # noqa: F401
import google.auth.transport.requests  # noqa: F401
import google.oauth2.service_account  # noqa: F401
import httpx  # noqa: F401
import openai
import pydantic_settings  # noqa: F401
from mcp.server.fastmcp import FastMCP
from PIL import Image  # noqa: F401

server = FastMCP("ancestor")
client = openai.AsyncOpenAI(api_key="sk-bench")


@server.tool()
def generate_image(prompt: str, quality: str = "auto", size: str = "auto", style: str = "vivid") -> str:
    """Generate an image."""
    return prompt


@server.tool()
def edit_image(image: str, prompt: str, size: str = "auto", quality: str = "auto") -> str:
    """Edit an image."""
    return prompt


def handler(event, context):
    """It is a server, not a function: its import is what is measured."""
