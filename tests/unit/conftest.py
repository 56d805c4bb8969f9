"""What the adapters' tests share."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.world import aws


@pytest.fixture(scope="session")
def pool() -> Iterator[httpx.Client]:
    """One for all: each loads the trust store, though nothing is ever sent."""
    with httpx.Client() as client:
        yield client


@pytest.fixture
def http(pool: httpx.Client) -> Iterator[httpx.Client]:
    """The connections of adapters, beside which their keys are in Secrets Manager."""
    with aws.played():
        aws.secretsmanager().create_secret(Name="openai", SecretString="sk-simulated")
        aws.secretsmanager().create_secret(Name="gemini", SecretString="AIza-simulated")
        yield pool
