"""What AWS does not delete: a bucket with contents, and an event bus with rules.

* A bucket with any object, old version or delete marker. MiniStack's S3 refuses it, its CloudFormation does not.
  Source: S3 user guide, "Deleting a general purpose bucket".
* An event bus with rules; those of other owners than the stack stay in its way.
  Source: EventBridge API, DeleteEventBus; first-hand report: anomalyco/sst#4325.
"""

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import eventbridge, s3
from ministack.services.cloudformation import provisioners

from local.fidelity.seams import seam, wrap


def install() -> None:
    """Let MiniStack refuse these deletions, in stacks as well."""
    wrap(eventbridge, "_delete_event_bus", "data", _delete_event_bus)
    wrap(provisioners, "_eb_event_bus_delete", "physical_id props", _delete_bus_of_stack)
    wrap(provisioners, "_s3_delete", "physical_id props", _delete_bucket_of_stack)
    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBus"]["delete"] = provisioners._eb_event_bus_delete
    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["delete"] = provisioners._s3_delete


def _has_rules(bus: str) -> bool:
    return any(rule.get("EventBusName") == bus for rule in eventbridge._rules.values())


def _delete_event_bus(original: Any, data: dict[str, Any]) -> Any:
    if _has_rules(data.get("Name", "")):
        message = f"EventBus {data['Name']} can't be deleted since it has rules."
        return error_response_json("ValidationException", message, 400)
    return original(data)


def _delete_bus_of_stack(original: Any, physical_id: str, props: dict[str, Any]) -> None:
    if _has_rules(physical_id):
        raise ValueError(f"EventBus {physical_id} can't be deleted since it has rules.")
    original(physical_id, props)


def _delete_bucket_of_stack(original: Any, physical_id: str, props: dict[str, Any]) -> None:
    bucket = s3._buckets.get(physical_id)
    if bucket is not None and (bucket["objects"] or _bucket_has_versions(physical_id)):
        raise ValueError("The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
    original(physical_id, props)


_bucket_has_versions = seam(s3, "_bucket_has_versions", "name")
