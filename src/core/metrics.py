"""What Easel measures: CloudWatch metrics in the embedded format, one line of JSON on standard output each.

Logs become metrics without a call, so that measuring can neither fail nor delay anything. METRICS is all there is;
alarms and dashboard of the template may name nothing else. See
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import os
from dataclasses import dataclass
from typing import Literal

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

NAMESPACE = "Easel"
# Every metric has this dimension: two deployments in one account do not mix.
STACK = "Stack"

Unit = Literal["Count", "Seconds", "Percent", "None"]


@dataclass(frozen=True)
class Metric:
    """A metric: its unit, and by what it is also told apart. Only what has few values may be such a dimension."""

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
    # of budgets
    "BudgetUsedPercent": Metric("Percent", by="Scope"),
    "BudgetLeftUsd": Metric("None", by="Scope"),
    "BudgetRefusals": Metric("Count", by="Scope"),
    # of what follows an end
    "LateAnnouncements": Metric("Count"),
    "WebhooksGivenUp": Metric("Count"),
    # of models in use that are to be shut down
    "RetiringModels": Metric("Count"),
    "ModelDaysLeft": Metric("Count", by="Model"),
}


def measure(name: str, value: float, by: str | None = None) -> None:
    """Write down a value of a metric; `by` is the value of the dimension that it is also told apart by.

    Raises:
        KeyError: METRICS has none of that name.
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
