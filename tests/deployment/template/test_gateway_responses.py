"""What API Gateway answers by itself has the shape of every other error, and a web page can read it."""

import json
from typing import Any

import pytest

from tests.deployment.template.test_template import Template, of_type

# Source: Amazon API Gateway quotas, integration timeout
GATEWAY_TIMEOUT_SECONDS = 29
RESPONSES = ["DEFAULT_4XX", "DEFAULT_5XX", "THROTTLED", "INTEGRATION_FAILURE"]


@pytest.fixture
def responses(transformed: Template) -> dict[str, Any]:
    (api,) = of_type(transformed, "AWS::ApiGateway::RestApi").values()
    found: dict[str, Any] = api["Body"]["x-amazon-apigateway-gateway-responses"]
    return found


@pytest.fixture(params=RESPONSES)
def response(request: pytest.FixtureRequest, responses: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = responses[request.param]
    return found


def error_of(response: dict[str, Any]) -> dict[str, Any]:
    template = response["responseTemplates"]["application/json"]
    body = template.replace("$context.error.messageString", '"Forbidden"').replace("$context.extendedRequestId", "r-1")
    error: dict[str, Any] = json.loads(body)["error"]
    return error


def header(response: dict[str, Any], name: str) -> str | None:
    value: str | None = response["responseParameters"].get(f"gatewayresponse.header.{name}")
    return value.strip("'") if value else None


def test_every_response_is_tested(responses: dict[str, Any]) -> None:
    assert set(responses) == set(RESPONSES)


def test_the_body_is_an_error_of_easel(response: dict[str, Any]) -> None:
    error = error_of(response)
    assert error.keys() == {"message", "type", "param", "code", "retryable", "charged", "request_id"}
    assert error["request_id"] == "r-1"


def test_a_page_may_read_it_and_an_sdk_knows_whether_and_when_to_try_again(response: dict[str, Any]) -> None:
    assert header(response, "Access-Control-Allow-Origin") == "*"
    retryable = error_of(response)["retryable"]
    assert header(response, "x-should-retry") == ("true" if retryable else "false")
    assert (header(response, "Retry-After") is not None) == retryable


def test_a_call_for_which_no_function_was_free_is_free_and_sent_again(responses: dict[str, Any]) -> None:
    """A throttled function behind a REST API is an integration failure, which is a 500 unless it is customised."""
    busy = responses["INTEGRATION_FAILURE"]
    error = error_of(busy)
    assert (busy["statusCode"], error["retryable"], error["charged"]) == ("503", True, False)


def test_a_call_that_was_not_answered_in_time_leaves_open_what_was_bought(
    responses: dict[str, Any], transformed: Template
) -> None:
    """INTEGRATION_TIMEOUT has no response of its own, so DEFAULT_5XX answers. A function that is stopped by its own
    timeout would be an integration failure instead, so the gateway must give up first.
    """
    assert "INTEGRATION_TIMEOUT" not in responses
    assert error_of(responses["DEFAULT_5XX"])["charged"] == "unknown"
    api = transformed["Resources"]["ApiFunction"]["Properties"]
    assert api["Timeout"] > GATEWAY_TIMEOUT_SECONDS


def test_nobody_stores_it_and_its_id_is_not_chosen_by_the_client(response: dict[str, Any]) -> None:
    headers = response["responseParameters"]
    assert headers["gatewayresponse.header.Cache-Control"] == "'no-store'"
    assert headers["gatewayresponse.header.X-Content-Type-Options"] == "'nosniff'"
    assert "$context.requestId" not in response["responseTemplates"]["application/json"]
