"""How large an answer may be. Lambda sends 6 MB (of 1024 KB) at most, in which the body is a string."""

import json
from collections.abc import Mapping

# With some room for headers.
MAX_ANSWER_BYTES = 6_200_000


def sent_size(document: Mapping[str, object]) -> int:
    """Bytes that a document takes in an answer: it is JSON in JSON, so all quotes and backslashes are escaped."""
    return len(json.dumps(json.dumps(document)))
