"""What the adapters' tests share."""

from collections.abc import Iterator

import pytest

from core.providers.http import HttpClient
from tests.support.internet import Internet
from tests.support.world import aws


@pytest.fixture
def http(internet: Internet) -> Iterator[HttpClient]:
    """The client of adapters, beside which their keys are in Secrets Manager."""
    client = HttpClient()
    with aws.played():
        aws.secretsmanager().create_secret(Name="openai", SecretString="sk-simulated")
        aws.secretsmanager().create_secret(Name="gemini", SecretString="AIza-simulated")
        yield client
    client.close()
