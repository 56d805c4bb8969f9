"""What the public linters say about the transformed template."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CHECKOV = ROOT / ".venv-checkov/bin/checkov"

# Rules of checkov that this system goes without, each with its reason.
ACCEPTED = {
    "CKV_AWS_18": "S3 access logs: images are reached by signed URLs only; CloudTrail data events are the operator's",
    "CKV_AWS_21": "versioning: an image is written once under a random name and expires; versions would outlive it",
    "CKV_AWS_26": "alarms cannot be published to a topic under the AWS-managed key, and hold no secret",
    "CKV_AWS_149": "the account's own key encrypts the secret; a key of one's own costs more than what it guards",
    "CKV_AWS_27": "checkov does not know SqsManagedSseEnabled; test_queues_are_encrypted asserts it",
    "CKV_AWS_73": "X-Ray: no tracing by decision, its SDK ends in February 2027",
    "CKV_AWS_76": "access logs need an account-wide role no stack should own; each function logs its requests",
    "CKV_AWS_115": "reserved concurrency is taken from the account; the queue's MaximumConcurrency is the bound",
    "CKV_AWS_116": "a dead-letter queue of the function serves asynchronous invocations only; ours come from queues",
    "CKV_AWS_117": "VPC: a function reaches AWS and the provider only, and would need a NAT gateway for it",
    "CKV_AWS_119": "DynamoDB encrypts with its own key at no charge; a customer-managed one is the operator's choice",
    "CKV_AWS_120": "caching: answers hold freshly signed URLs and belong to one caller",
    "CKV_AWS_158": "CloudWatch encrypts logs with its own key; they hold neither prompts nor keys",
    "CKV_AWS_173": "environment variables hold names and ARNs, no secret",
    "CKV_AWS_258": "the Function URL is public by design; the function itself checks the caller's bearer key",
}


def test_cfn_lint_finds_nothing(transformed_file: Path) -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    result = subprocess.run([lint, "--", transformed_file], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_checkov_finds_only_what_is_accepted_with_a_reason(transformed_file: Path) -> None:
    options = ["--framework", "cloudformation", "--skip-download", "--compact", "--quiet", "--output", "json"]
    result = subprocess.run([CHECKOV, "-f", transformed_file, *options], capture_output=True, text=True, check=False)
    failed = json.loads(result.stdout)["results"]["failed_checks"]
    found = {check["check_id"]: f"{check['check_name']}: {check['resource']}" for check in failed}
    assert {id_: what for id_, what in found.items() if id_ not in ACCEPTED} == {}
    assert set(ACCEPTED) <= set(found), "a rule is accepted that nothing breaks any more"
