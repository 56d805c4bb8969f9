"""Icons of the server and its tools: small inline SVGs."""

from base64 import b64encode

from mcp.types import Icon

# Paths in a box of 24 by 24.
_FRAME = "M3 5h18v14H3z"
_PATHS = {
    "easel": "M5 3h14v11H5zM12 1v2M12 14v3M8 14l-3 8M16 14l3 8",
    "generate_image": f"{_FRAME}M3 16l5-5 4 4 3-3 6 6M16 9h.01",
    "edit_image": "M4 20l4-1L19 8l-3-3L5 16zM14 7l3 3",
    "get_image_job": "M12 3a9 9 0 1 0 9 9M12 7v5l4 2",
    "list_available_models": "M4 6h4v4H4zM4 14h4v4H4zM12 8h8M12 16h8",
    "quote_image": "M12 3v18M16 7c-6-4-11 3-4 5s3 9-4 5",
    "list_images": "M3 3h8v8H3zM13 3h8v8h-8zM3 13h8v8H3zM13 13h8v8h-8z",
    "create_upload": "M12 16V4M7 9l5-5 5 5M4 20h16",
    "cancel_image_job": "M12 3a9 9 0 1 0 .01 0M8 8l8 8M16 8l-8 8",
}


def of(name: str) -> Icon:
    """The icon of a tool, or of `easel` itself."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#7a5cff" stroke-width="2" '
        f'stroke-linecap="round" stroke-linejoin="round"><path d="{_PATHS[name]}"/></svg>'
    )
    source = f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
    return Icon(src=source, mime_type="image/svg+xml", sizes=["any"])
