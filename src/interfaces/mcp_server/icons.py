"""The icon of the server, an inline SVG. Tools have none: in their list, icons took a quarter of the characters."""

from base64 import b64encode

from mcp.types import Icon

_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#7a5cff" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round"><path d="M5 3h14v11H5zM12 1v2M12 14v3M8 14l-3 8M16 14l3 8"/></svg>'
)
EASEL = Icon(
    src=f"data:image/svg+xml;base64,{b64encode(_SVG.encode()).decode()}", mime_type="image/svg+xml", sizes=["any"]
)
