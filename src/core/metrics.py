"""What Easel measures: CloudWatch metrics in the embedded format, one line of JSON on standard output each.

CloudWatch turns these log lines into metrics without an API call, so measuring can neither fail nor delay anything.
METRICS is complete: the template's alarms and dashboard name no other metric. See
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import os
from dataclasses import dataclass
from typing import Literal

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

NAMESPACE = "Easel"
# A dimension of every metric, so that deployments in one account do not mix.
STACK = "Stack"

Unit = Literal["Count", "Seconds", "Percent", "None"]


@dataclass(frozen=True)
class Metric:
    """A metric's unit and second dimension. Only something with few values can be a dimension."""

    unit: Unit
    by: str | None = None


METRICS = {
    # of each job that ended
    "JobsEnded": Metric("Count", by="Status"),
    "FailedPercent": Metric("Percent"),
    "Errors": Metric("Count", by="Code"),
    "Images": Metric("Count", by="Model"),
    "CostUsd": Metric("None", by="Model"),
    "QueueSeconds": Metric("Seconds"),
    "JobSeconds": Metric("Seconds", by="Model"),
    # of each call of the provider
    "UpstreamSeconds": Metric("Seconds", by="Model"),
    "UpstreamErrors": Metric("Count", by="Code"),
    # of each job that a provider which is down makes wait
    "ProviderDown": Metric("Count", by="Provider"),
    # of each call that was refused for who made it, or for what its credential allows
    "AccessRefused": Metric("Count"),
    # of budgets
    "BudgetUsedPercent": Metric("Percent", by="Scope"),
    "BudgetLeftUsd": Metric("None", by="Scope"),
    "BudgetRefusals": Metric("Count", by="Scope"),
    # of what follows an end
    "LateAnnouncements": Metric("Count"),
    "WebhooksFailed": Metric("Count"),
    # of models in use that will be shut down
    "RetiringModels": Metric("Count"),
    "ModelDaysLeft": Metric("Count", by="Model"),
}


def measure(name: str, value: float, by: str | None = None) -> None:
    """Record a value of a metric; `by` is the value of its second dimension.

    Raises:
        KeyError: METRICS has no metric with that name.
    """
    metric = METRICS[name]
    line = AmazonCloudWatchEMFProvider(
        namespace=NAMESPACE,
        service="",  # Else Powertools adds a dimension of that name.
        default_dimensions={STACK: os.environ.get("EASEL_STACK", "easel")},
    )
    line.add_metric(name, metric.unit, value)
    if metric.by and by:
        line.add_dimensions(**{metric.by: by})
    line.flush_metrics()
