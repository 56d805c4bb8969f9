"""Where webhook messages may be sent."""

from core.callers.model import Caller
from core.errors import InvalidRequest
from core.outbound.addresses import TrustedHosts, is_public
from core.outbound.urls import ForbiddenUrl, HttpsUrl

PARAM = "Easel-Webhook"
MAX_URL_CHARACTERS = 2048


class WebhookDestinations:
    """Decides which URLs a caller may have messages sent to."""

    def __init__(self, trusted_hosts: TrustedHosts) -> None:
        self._trusted_hosts = trusted_hosts

    def check(self, caller: Caller, url: str) -> None:
        """Check what can be known in advance; the addresses that a host name resolves to are checked at each attempt.

        Raises:
            InvalidRequest: the URL is not allowed, or the caller has no secret to sign messages with.
        """
        if len(url) > MAX_URL_CHARACTERS:
            raise _refused(f"it has more than {MAX_URL_CHARACTERS} characters")
        try:
            parsed = HttpsUrl.parse(url)
        except ForbiddenUrl as error:
            raise _refused(str(error)) from None
        address, trusted = parsed.address, self._trusted_hosts
        if address and not is_public(address) and not trusted.include(parsed.host, address):
            raise _refused("its host is not on the public internet")
        if parsed.port != 443 and not (trusted.networks or parsed.host in trusted.names):
            raise _refused("its port is not 443")
        if caller.signs_webhooks is False:
            raise InvalidRequest(
                f"The API key '{caller.name}' has no secret to sign webhooks with. Ask the operator to create one "
                f"(easel webhooks secret {caller.id}).",
                param=PARAM,
                code="webhook_secret_missing",
            )


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"The webhook URL is not allowed: {why}. Use an https URL (port 443, no user name or password) on the public "
        "internet.",
        param=PARAM,
        code="invalid_webhook_url",
    )
