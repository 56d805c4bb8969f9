"""What lansespirit/image-gen-mcp, of which Easel is the successor, imports before it serves: its set, not its code.

Read in its repository at commit 191b26e: the MCP SDK's FastMCP, OpenAI's client, Pillow, pydantic, and what its stores,
caches and Google's credentials need.
"""

import asyncio
from typing import Any

import aiofiles
import aiohttp
import dotenv
import google.auth
import google.auth.transport.requests
import google.oauth2.service_account
import httpx
import openai
import pydantic_settings
from mcp.server.fastmcp import FastMCP  # type: ignore[attr-defined] # version 1 of the SDK, which only this has
from PIL import Image

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


def handler(event: Any, context: object) -> Any:
    """It is a server, not a function: its import is what is measured."""
