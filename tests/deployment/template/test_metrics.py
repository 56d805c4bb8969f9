"""Alarms and dashboard name what the code measures, as it measures it."""

import json
import re
from typing import Any

from core.metrics import METRICS, NAMESPACE, STACK

from .test_template import Template, of_type


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
    shown = set()
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
        shown.add(name)
    assert shown | {"RetiringModels"} == set(METRICS), "every metric is on the dashboard"


def test_the_dashboard_names_functions_and_queues_of_this_stack(transformed: Template) -> None:
    named = re.findall(r"\$\{(\w+)(?:\.\w+)?\}", json.dumps(widgets(transformed)))
    assert named
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
