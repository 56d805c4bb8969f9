"""What API Gateway answers by itself has the shape of every other error, and a web page can read it."""

import json
from typing import Any

import pytest

RESPONSES = ["DEFAULT_4XX", "DEFAULT_5XX", "THROTTLED", "REQUEST_TOO_LARGE"]


@pytest.fixture(params=RESPONSES)
def response(request: pytest.FixtureRequest, transformed: dict[str, Any]) -> dict[str, Any]:
    (api,) = (
        resource["Properties"]["Body"]
        for resource in transformed["Resources"].values()
        if resource["Type"] == "AWS::ApiGateway::RestApi"
    )
    found: dict[str, Any] = api["x-amazon-apigateway-gateway-responses"][request.param]
    return found


def test_the_body_is_an_error_of_easel(response: dict[str, Any]) -> None:
    template = response["responseTemplates"]["application/json"]
    body = template.replace("$context.error.messageString", '"Forbidden"').replace("$context.extendedRequestId", "r-1")
    error = json.loads(body)["error"]
    assert error.keys() == {"message", "type", "param", "code", "retryable", "charged", "request_id"}
    assert error["request_id"] == "r-1"


def test_nobody_stores_it_and_its_id_is_not_chosen_by_the_client(response: dict[str, Any]) -> None:
    headers = response["responseParameters"]
    assert headers["gatewayresponse.header.Cache-Control"] == "'no-store'"
    assert headers["gatewayresponse.header.X-Content-Type-Options"] == "'nosniff'"
    assert "$context.requestId" not in response["responseTemplates"]["application/json"]


def test_a_page_may_read_it_and_an_sdk_knows_whether_to_try_again(response: dict[str, Any]) -> None:
    headers = response["responseParameters"]
    assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    error = json.loads(response["responseTemplates"]["application/json"].replace("$context.error.messageString", '""'))[
        "error"
    ]
    if not error["retryable"]:
        assert headers["gatewayresponse.header.x-should-retry"] == "'false'"
