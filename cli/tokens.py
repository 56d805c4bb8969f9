"""easel tokens: rotate the secret that browser tokens are signed with."""

import secrets

from cli.stack import Stack


def rotate(stack: Stack, *, end_all: bool) -> None:
    """Let a new secret sign from now on. Tokens of the one before stay good until they expire, unless `end_all`."""
    client = stack.session.client("secretsmanager", endpoint_url=stack.endpoint_url)
    # The one before the current version is still believed, so after two new ones no old token is.
    for _ in range(2 if end_all else 1):
        client.put_secret_value(SecretId=stack.output("TokenSecretArn"), SecretString=secrets.token_hex(32))
