"""The stack that the usual advice leads to, doing what Easel's functions do, without books, promises or checks.

Everything is imported in one module, each service has a boto3 client, and a tracer is there in case it is needed.
"""

import base64
import json
import os
import uuid
from functools import cache
from typing import Any

import boto3
import httpx
import pydantic
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from mangum import Mangum
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace="naive")
router = APIGatewayRestResolver()

dynamodb = boto3.Session().client("dynamodb")
s3 = boto3.Session().client("s3")
sqs = boto3.Session().client("sqs")
secrets = boto3.Session().client("secretsmanager")
table = os.environ["NAIVE_TABLE"]
server = MCPServer("naive")


class Order(pydantic.BaseModel):
    """What a caller asks for."""

    prompt: str
    model: str = "gpt-image-2.6-flare"
    size: str = "1024x1024"
    quality: str = "low"
    n: int = 1


@server.tool()
def generate_image(prompt: str, model: str = "", size: str = "", quality: str = "", n: int = 1) -> str:
    """Generate an image."""
    return prompt


@server.tool()
def get_image_job(job_id: str) -> str:
    """Look up a job."""
    return job_id


@router.post("/images/generations")
def create() -> tuple[dict[str, Any], int]:
    order = Order.model_validate_json(router.current_event.body or "")
    key = dynamodb.get_item(TableName=table, Key={"id": {"S": "key"}})["Item"]
    job = {"id": f"job_{uuid.uuid4().hex}", "status": "queued", "enabled": key["enabled"]["BOOL"], **order.model_dump()}
    dynamodb.put_item(TableName=table, Item={"id": {"S": job["id"]}, "job": {"S": json.dumps(job)}})
    sqs.send_message(QueueUrl=os.environ["NAIVE_QUEUE_URL"], MessageBody=job["id"])
    return job, 202


@logger.inject_lambda_context
def accept(event: Any, context: Any) -> Any:
    """Accept a job."""
    return router.resolve(event, context)


@logger.inject_lambda_context
def purchase(event: Any, context: Any) -> Any:
    """Buy images as a script would, and store them."""
    key = secrets.get_secret_value(SecretId=os.environ["NAIVE_SECRET"])["SecretString"]
    dynamodb.put_item(TableName=table, Item={"id": {"S": "job"}, "status": {"S": "running"}})
    keys = fetch_and_store(event, key)
    dynamodb.put_item(TableName=table, Item={"id": {"S": "job"}, "status": {"S": "done"}, "keys": {"SS": keys}})
    return {"keys": keys}


@cache
def client() -> httpx.Client:
    """One connection pool for all events."""
    return httpx.Client(timeout=300)


def fetch_and_store(event: Any, key: str) -> list[str]:
    """The data path alone."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = client().post(f"{os.environ['NAIVE_PROVIDER']}/images/generations", json=event["order"], headers=headers)
    answer.raise_for_status()
    keys = []
    for row in answer.json()["data"]:
        image = base64.b64decode(row["b64_json"])
        keys.append(f"images/{uuid.uuid4().hex}.png")
        s3.put_object(Bucket=os.environ["NAIVE_BUCKET"], Key=keys[-1], Body=image, ContentType="image/png")
    return keys


def data_path(event: Any, context: Any) -> Any:
    """Without tables and logs."""
    return {"keys": fetch_and_store(event, "key")}


@logger.inject_lambda_context
def tools(event: Any, context: Any) -> Any:
    """One request of MCP, behind Mangum; the SDK's session manager runs once, so each event has its own."""
    anywhere = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(stateless_http=True, json_response=True, transport_security=anywhere)
    return Mangum(app, lifespan="auto")(event, context)
