"""What AWS does and MiniStack does not: each rule with its source, played on MiniStack where it can be.

The counterpart of local/deviations.py. `python -m local.fidelity` runs MiniStack with all rules, in its own
environment; a rule wraps a function of MiniStack (`seams`) or its ASGI application (`wire`). If a newer MiniStack has
moved a seam, it does not start. Each rule has a test in tests/deployment/local that fails without it.

| module         | what it plays                                                                                      |
|----------------|----------------------------------------------------------------------------------------------------|
| condition_keys | keys of IAM policies: partition keys of items, the role's ARN, TLS                                 |
| loops          | chains of functions through queues, which Lambda ends at the 17th invocation                       |
| functions      | limits of memory, answers and concurrency; properties that MiniStack's CloudFormation ignores      |
| streaming      | exec wrappers, and answers that are streams                                                        |
| front_ends     | what Function URLs, API Gateway and S3 rename, refuse and answer by themselves                     |
| deletion       | buckets with contents and event buses with rules, which stay                                       |

Not played, because MiniStack has no place for it:

* chains of functions through S3 or SNS: it does not keep the trace of a request with what it causes;
* the roles with which Lambda polls queues and writes logs: it does both by itself. Tests of the template and the
  removal of each statement (tests/campaigns/test_least_privilege.py) stand in for it;
* condition keys of PartiQL statements, which Easel does not use;
* a function that is killed in the middle of an invocation for its memory: it is killed after it;
* session names, ages and shared quotas: the life of a role's credentials, quotas of API Gateway and DynamoDB for the
  whole account, cold starts at 512 MB;
* the network: NAT gateways that drop idle connections, and the timeouts of clients before them.
"""
