"""What the core needs from an upstream that makes images.

An adapter is one module with a class that implements ImageProvider. A call ends in a ProviderResult or in one of three
exceptions, which decide about money:

    NotBought   certainly not accepted; may be tried again, after `retry_after` if given
    Refused     certainly not bought, and a retry would not help; or bought without a usable result: see its problem
    InDoubt     the purchase may have happened, but no result arrived
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from typing import IO, TYPE_CHECKING, Protocol

from pydantic import Field

from core.catalog import Model
from core.errors import Problem
from core.pricing import ProviderReport
from core.requests import Request, Role
from core.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from core.providers.http import HttpClient


@dataclass(frozen=True)
class ProviderResult:
    """The result of a purchase: its report, and the images' bytes in the provider's order.

    Images that were handed over on the way (see Order.image) are not among them.
    """

    images: tuple[bytes | bytearray, ...]
    report: ProviderReport


class NotBought(Exception):
    """The provider did not accept the request; `retry_after` in seconds, if it said when to retry.

    `elsewhere`: another provider may sell it now.
    """

    def __init__(self, problem: Problem, retry_after: float | None = None, *, elsewhere: bool = True) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.retry_after = retry_after
        self.elsewhere = elsewhere


class Refused(Exception):
    """The provider's answer is final. `report` is what it said about the purchase, if it charged.

    `elsewhere`: it is not about the request but about the provider's account or its models, and nothing was bought, so
    another provider may well sell it.
    """

    def __init__(self, problem: Problem, report: ProviderReport | None = None, *, elsewhere: bool = False) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.report = report
        self.elsewhere = elsewhere


class InDoubt(Exception):
    """It is not known whether the provider charged; the message is a sentence that says what happened."""


Outcome = ProviderResult | NotBought | Refused | InDoubt


class ListUnavailable(Exception):
    """The provider's list of models cannot be read; the message says why."""


@dataclass(frozen=True)
class InputFile:
    """An input image of an edit, open for reading from its start."""

    role: Role
    filename: str
    content_type: str
    file: IO[bytes]


def _no_preview(_: bytes | bytearray) -> None:
    """Nobody wants to see the image before it is finished."""


@dataclass(frozen=True)
class Order:
    """What is bought: a checked request of a model, with the input images of an edit in their order.

    `request_id` is sent along for tracing. `user` is a pseudonym of who asks, so that the provider can tell an abuser
    from the others of this account. The whole call may take `timeout` seconds. `preview` is called with each partial
    image that the request asks for, as it comes; it is part of the call's time, and does not raise. So is `image`, if
    there is one, with each finished image: an adapter that knows one while others are still to come hands it over, and
    keeps nothing of it. From then on the purchase counts as made, whatever the call raises.
    """

    request: Request
    model: Model
    inputs: Sequence[InputFile]
    request_id: str
    user: str
    timeout: float
    preview: Callable[[bytes | bytearray], None] = _no_preview
    image: Callable[[bytes | bytearray], None] | None = None


class ImageProvider(Protocol):
    """An upstream that sells images."""

    def prepare(self) -> None:
        """Do everything that can fail before anything is sent, such as reading the key.

        Raises:
            NotBought, Refused: the purchase cannot be made now, or at all.
        """

    def buy(self, order: Order) -> ProviderResult:
        """Buy the images of one order. Called at most once for each claim of a job.

        Raises:
            NotBought, Refused, InDoubt.
        """

    def models(self) -> dict[str, date | None]:
        """The models that the provider lists, by its own names, each with the shutdown date that it announces, if any.

        Empty if the provider has no list that can be read with what the adapter has.

        Raises:
            ListUnavailable: the list cannot be read.
        """


@dataclass(frozen=True)
class Tools:
    """What adapters share: one HTTP client, and the client that reads secrets."""

    http: "HttpClient"
    secrets: "SecretsManagerClient"


class ProviderSettings(Settings):
    """Base of the adapters' settings, which are given without the prefix that names the provider."""

    enabled: bool = Field(alias="ENABLED", default=True)

    def check_enabled(self) -> None:
        """Raises Refused if the operator has switched off the provider."""
        if not self.enabled:
            raise Refused(
                Problem(
                    503,
                    "server_error",
                    "provider_disabled",
                    "The operator has switched off this provider.",
                    retryable=True,
                ),
                elsewhere=True,
            )


def connect(adapter: str, settings: Mapping[str, str], tools: Tools) -> ImageProvider:
    """A provider that is called through this adapter: the module of that name in this package.

    Each adapter's module has its own function `connect(settings, tools)`, which checks the settings it needs.
    """
    module = import_module(f"{__name__}.{adapter}")
    provider: ImageProvider = module.connect(settings, tools)
    return provider


def settings_of(provider: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of a provider: what the environment has under PROVIDERS__NAME__, without that prefix."""
    prefix = f"PROVIDERS__{provider.upper()}__"
    return {name.removeprefix(prefix): text for name, text in environment.items() if name.startswith(prefix) and text}
