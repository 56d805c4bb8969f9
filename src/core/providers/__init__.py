"""What the core needs from an upstream that makes images.

An adapter is one module with a class that implements ImageProvider. A call ends in a ProviderResult or in one of three
exceptions, which decide about money:

    NotBought   certainly not accepted; may be tried again, after `retry_after` if given
    Refused     certainly not bought, and a retry would not help; or bought without a usable result: see its problem
    InDoubt     the purchase may have happened, but no result arrived
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from typing import IO, TYPE_CHECKING, Protocol

from core.errors import Problem
from core.pricing import ProviderReport
from core.requests import Request, Role

if TYPE_CHECKING:
    import httpx
    from mypy_boto3_secretsmanager import SecretsManagerClient


@dataclass(frozen=True)
class ProviderResult:
    """The result of a purchase: the images' bytes in the provider's order, and its report."""

    images: tuple[bytes | bytearray, ...]
    report: ProviderReport


class NotBought(Exception):
    """The provider did not accept the request; `retry_after` in seconds, if it said when to retry."""

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.retry_after = retry_after


class Refused(Exception):
    """The provider's answer is final. `report` is what it said about the purchase, if it charged."""

    def __init__(self, problem: Problem, report: ProviderReport | None = None) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.report = report


class InDoubt(Exception):
    """It is not known whether the provider charged; the message is a sentence that says what happened."""


class ListUnavailable(Exception):
    """The provider's list of models cannot be read; the message says why."""


@dataclass(frozen=True)
class InputFile:
    """An input image of an edit, open for reading from its start."""

    role: Role
    filename: str
    content_type: str
    file: IO[bytes]


class ImageProvider(Protocol):
    """An upstream that sells images."""

    def prepare(self) -> None:
        """Do everything that can fail before anything is sent, such as reading the key.

        Raises:
            NotBought, Refused: the purchase cannot be made now, or at all.
        """

    def buy(
        self, request: Request, inputs: Sequence[InputFile], *, request_id: str, user: str, timeout: float
    ) -> ProviderResult:
        """Buy the images of one request. Called at most once for each claim of a job.

        Args:
            request: what to buy.
            inputs: the input images of an edit, in order; empty for a generation.
            request_id: sent along for tracing.
            user: a pseudonym of who asks, so that the provider can tell an abuser from the others of this account.
            timeout: seconds the whole call may take.

        Raises:
            NotBought, Refused, InDoubt.
        """

    def shutdown_dates(self) -> dict[str, date]:
        """The shutdown dates of models, by name, as announced by the provider.

        Raises:
            ListUnavailable: the list cannot be read.
        """


def connect(
    name: str, environment: Mapping[str, str], http: "httpx.Client", secrets: "SecretsManagerClient"
) -> ImageProvider:
    """The adapter that the catalog calls `name`: the module of that name in this package.

    Each adapter's module has its own function `connect(environment, http, secrets)`, which reads the settings it needs.
    """
    module = import_module(f"{__name__}.{name}")
    provider: ImageProvider = module.connect(environment, http, secrets)
    return provider
