"""`make webhooks`: receives the webhooks of the deployment that `make up` runs, and prints them until Ctrl-C.

Webhooks go to https on public addresses only. While this runs, the deployment trusts the receiver's certificate and
its address, as an operator's TrustedWebhookHosts would.
"""

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import override

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from core.callers.model import hash_key
from core.callers.store import CallerStore
from local.certificate import make_certificate
from local.cloud import OUT
from local.processes import LocalCloudError, free_port
from local.stack import Stack, running

ADDRESS = "127.0.0.1"
PREFERRED_PORT = 8443
# Those that check where a webhook goes, and the one that sends it.
FUNCTIONS = ("ApiFunction", "DirectFunction", "McpFunction", "DropFunction", "WebhookFunction")


def main() -> int:
    """Receive until interrupted; returns the exit code."""
    try:
        stack = running()
        if stack is None:
            raise LocalCloudError("The local deployment is not running. Start it with: make up")
        receive(stack)
    except LocalCloudError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
    return 0


def receive(stack: Stack) -> None:
    """Let the deployment send webhooks here, and print each."""
    caller = CallerStore(stack.client("dynamodb"), stack.callers_table).find_by_hash(hash_key(stack.api_key))
    if caller is None:
        raise LocalCloudError("The key in out/stack.json is not one of the local deployment.")
    secret = stack.easel("webhooks", "secret", caller.id).strip()
    pem = make_certificate(OUT / "webhooks.pem", addresses=[ADDRESS])
    variables = {"SSL_CERT_FILE": str(pem), "EASEL_TRUSTED_WEBHOOK_HOSTS": f"{ADDRESS}/32"}
    with (
        server(pem, secret) as receiver,
        stack.with_variables(variables, *FUNCTIONS),
    ):
        # MiniStack may still hand the next event to a process that this change has ended; let it be this one.
        stack.client("lambda").invoke(FunctionName=stack.physical_id("WebhookFunction"), Payload=b'{"Records": []}')
        url = f"https://{ADDRESS}:{receiver.server_port}/"
        print(f"Receiving at {url} until Ctrl-C; send a request with -H 'Easel-Webhook: {url}'", flush=True)
        receiver.serve_forever()


def server(pem: Path, secret: str) -> ThreadingHTTPServer:
    """A server that prints what is posted to it, and whether that is signed with the secret."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                event = Webhook(secret).verify(body, dict(self.headers))
                # A test message is about no job.
                print(f"  {event['type']}  {event['data'].get('id', '-')}  signed", flush=True)
                status = 204
            except WebhookVerificationError as error:
                print(f"  refused: {error}", flush=True)
                status = 400
            self.send_response(status)
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Print nothing besides the messages."""

    receiver = ThreadingHTTPServer((ADDRESS, free_port(PREFERRED_PORT)), Receiver)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
    return receiver


if __name__ == "__main__":
    sys.exit(main())
