"""Alarms and dashboard name what the code measures, as it measures it."""

import json
import re
from typing import Any

from core.metrics import METRICS, NAMESPACE, STACK

from .test_template import Template, of_type, target


def assert_measured(name: str, dimensions: set[str]) -> None:
    assert name in METRICS, f"nothing measures {name}"
    assert dimensions in ({STACK}, {STACK, METRICS[name].by}), f"{name} has no such dimensions: {dimensions}"


def widgets(template: Template) -> list[Any]:
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    body = dashboard["DashboardBody"]["Fn::Sub"]
    found: list[Any] = json.loads(body)["widgets"]
    return found


def test_alarms_watch_what_is_measured(transformed: Template) -> None:
    alarms = of_type(transformed, "AWS::CloudWatch::Alarm").values()
    ours = [alarm for alarm in alarms if alarm["Namespace"] == NAMESPACE]
    assert ours
    for alarm in ours:
        assert_measured(alarm["MetricName"], {dimension["Name"] for dimension in alarm["Dimensions"]})


def test_the_dashboard_shows_what_is_measured(transformed: Template) -> None:
    found = set()
    for metric in (metric for widget in widgets(transformed) for metric in widget["properties"]["metrics"]):
        if isinstance(metric[0], dict):
            dimensions, name = re.findall(r"SEARCH\('\{Easel,([^}]*)\} MetricName=\"(\w+)\"", metric[0]["expression"])[
                0
            ]
            assert_measured(name, set(dimensions.split(",")))
        elif metric[0] == NAMESPACE:
            name = metric[1]
            assert_measured(name, {text for text in metric[2:] if isinstance(text, str)} & {STACK, METRICS[name].by})
        else:
            continue
        found.add(name)
    assert found | {"RetiringModels"} == set(METRICS), "every metric is on the dashboard"


def shown(template: Template) -> set[tuple[str, str, str]]:
    """The namespace, the metric and the function, queue or API of each line that the dashboard draws."""
    metrics = [metric for widget in widgets(template) for metric in widget["properties"]["metrics"]]
    return {(metric[0], metric[1], metric[3]) for metric in metrics if isinstance(metric[0], str)}


def test_the_dashboard_shows_errors_throttles_concurrency_and_duration_of_every_function(transformed: Template) -> None:
    functions = [f"${{{name}}}" for name in of_type(transformed, "AWS::Lambda::Function")]
    metrics = ("Errors", "Throttles", "ConcurrentExecutions", "Duration")
    assert shown(transformed) >= {("AWS/Lambda", metric, name) for metric in metrics for name in functions}


def test_the_dashboard_shows_requests_errors_and_latency_of_every_entry_point(transformed: Template) -> None:
    gateway = {
        ("AWS/ApiGateway", metric, "${AWS::StackName}") for metric in ("Count", "4XXError", "5XXError", "Latency")
    }
    urls = ("UrlRequestCount", "Url4xxCount", "Url5xxCount", "UrlRequestLatency")
    doors = {target(url["TargetFunctionArn"]) for url in of_type(transformed, "AWS::Lambda::Url").values()}
    assert doors == {"DirectFunction", "McpFunction"}
    assert shown(transformed) >= gateway | {("AWS/Lambda", each, f"${{{name}}}") for each in urls for name in doors}


def test_no_widget_of_the_dashboard_covers_another(transformed: Template) -> None:
    places = [
        (column, row)
        for widget in widgets(transformed)
        for column in range(widget["x"], widget["x"] + widget["width"])
        for row in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(places) == len(set(places))
    titles = [widget["properties"]["title"] for widget in widgets(transformed)]
    assert len(titles) == len(set(titles))


def test_the_dashboard_names_functions_and_queues_of_this_stack(transformed: Template) -> None:
    named = re.findall(r"\$\{(\w+)(?:\.\w+)?\}", json.dumps(widgets(transformed)))
    assert len(named) > 40
    assert set(named) <= set(transformed["Resources"])


def test_everything_that_must_wake_somebody_has_an_alarm(transformed: Template) -> None:
    alarms = of_type(transformed, "AWS::CloudWatch::Alarm").values()
    watched = {
        (alarm["MetricName"], tuple(each["Value"] for each in alarm["Dimensions"] if each["Name"] != STACK))
        for alarm in alarms
        if alarm["Namespace"] == NAMESPACE
    }
    assert watched >= {
        ("FailedPercent", ()),
        ("JobsEnded", ("unknown",)),
        ("UpstreamErrors", ("provider_key_unavailable",)),
        ("UpstreamErrors", ("provider_authentication_failed",)),
        ("UpstreamErrors", ("insufficient_quota",)),
        ("BudgetUsedPercent", ()),
        ("BudgetRefusals", ()),
        ("LateAnnouncements", ()),
        ("WebhooksFailed", ()),
        ("RetiringModels", ()),
    }
