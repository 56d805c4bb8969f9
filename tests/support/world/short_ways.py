"""Short ways to the same result where moto and botocore spend most of their time."""

import copy
import json
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import botocore.useragent
import moto.core.models
import moto.core.responses
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSPreparedRequest
from botocore.useragent import sanitize_user_agent_string_component
from moto import backend_index
from moto.core.base_backend import BaseBackend
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.core.serialize import AttributePicker, AttributePickerContext, BaseJSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing import ast_nodes, expressions, validators
from moto.dynamodb.responses import DynamoHandler


def take(patch: pytest.MonkeyPatch) -> None:
    """Take the short ways."""
    for owner, name, way in _ways():
        patch.setattr(owner, name, way, raising=False)


@cache
def _ways() -> list[tuple[Any, str, Any]]:
    """What replaces which attribute: made once, so that what a way remembers serves all tests of the process."""
    structure = BaseJSONSerializer._serialize_type_structure
    nodes: Any = ast_nodes  # moto's files of expressions have no types
    counter: Any = validators.ActionCountValidator
    parser: Any = expressions.UpdateExpressionParser  # type: ignore[attr-defined] # as above
    return [
        (AttributePicker, "__call__", _pick_by_name(AttributePicker.__call__)),
        (BaseJSONSerializer, "_serialize_type_structure", _values_as_they_are(structure)),
        (moto.core.responses, "method_names_from_class", cache(method_names_from_class)),
        (backend_index, "backend_url_patterns", _most_asked_first()),
        (BotocoreStubber, "process_request", _known_at_once(BotocoreStubber.process_request)),
        (BaseBackend, "urls", property(_listed_once(BaseBackend.urls.fget))),  # type: ignore[attr-defined] # a property
        (moto.core.models, "RESPONSES_METHODS", []),  # to play for `requests`, which asks AWS for nothing here
        (Table, "__deepcopy__", _copy_of_table),
        (DynamoDBBackend, "update_item", _replacing(DynamoDBBackend.update_item)),
        (Item, "__init__", _measured_once),
        (nodes.DepthFirstTraverser, "traverse_node_recursively", _traversal(nodes)),
        (nodes.Node, "find_clauses", _search(nodes)),
        (counter, "verify_action_counts", _at_the_root(counter.verify_action_counts)),
        (parser, "make", cache(parser.make)),  # whose result moto copies before it changes it
        (validators, "deepcopy", lambda expression: pickle.loads(pickle.dumps(expression))),
        # Botocore builds the User-Agent header anew for each request, out of twenty parts.
        (botocore.useragent, "sanitize_user_agent_string_component", cache(sanitize_user_agent_string_component)),
        (SigV4Auth, "add_auth", _unsigned(SigV4Auth.add_auth)),
    ]


def _most_asked_first() -> list[Any]:
    """The addresses of AWS's services, through all of which moto looks at each request."""
    asked = ("dynamodb", "s3", "sqs", "events", "secretsmanager")
    return sorted(backend_index.backend_url_patterns, key=lambda each: each[0] not in asked)


class _Items(DynamoHandler):
    """DynamoDB's requests for items and its answers are what they say: moto compares them with their descriptions."""

    ACTIONS = ("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "TransactWriteItems", "UpdateItem")

    def __init__(self, target: str, body: bytes) -> None:
        super().__init__()
        self.params = json.loads(body)
        self.headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        self.querystring: dict[str, Any] = {}
        self.response_headers = {}
        self.region, self.current_account = "us-east-1", DEFAULT_ACCOUNT_ID

    def serialized(self, action_result: ActionResult) -> Any:
        if isinstance(action_result.result, Exception):
            return super().serialized(action_result)
        return 200, {}, json.dumps(action_result.result or {}, default=lambda value: value.to_json())


def _known_at_once(process: Callable[..., Any]) -> Callable[..., Any]:
    """Moto looks for each request's address among those of every service, and for what else it may hold."""
    targets = {f"DynamoDB_20120810.{action}".encode() for action in _Items.ACTIONS}

    def process_at_once(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
        target: Any = request.headers.get("X-Amz-Target")
        if target in targets:
            return _Items(target.decode(), cast("bytes", request.body)).call_action()
        return process(stubber, request)

    return process_at_once


def _listed_once(urls: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Moto makes the patterns of a service's addresses anew for each request, and loads the module that has S3's."""
    of_kind = {}

    def listed(backend: BaseBackend) -> Any:
        kind = type(backend)
        if kind not in of_kind:
            of_kind[kind] = urls(backend)
        return of_kind[kind]

    return listed


def _unsigned(add_auth: Callable[..., None]) -> Callable[..., None]:
    """Moto reads who sent a request, and checks no signature; what others receive is signed as ever."""
    played = {"dynamodb", "s3", "sqs", "events", "secretsmanager"}

    def add_none(signer: Any, request: Any) -> None:
        if type(signer) in {SigV4Auth, S3SigV4Auth} and signer._service_name in played:
            request.context["timestamp"] = "20000101T000000Z"
            signer._modify_request_before_signing(request)
            signer._inject_signature_to_request(request, "0" * 64)
        else:
            add_auth(signer, request)

    return add_none


def _pick_by_name(pick: Callable[..., Any]) -> Callable[..., Any]:
    """Moto looks for each member of an answer under a dozen names; a dictionary that has its own has no other."""

    def pick_by_name(picker: AttributePicker, context: AttributePickerContext) -> Any:
        found = context.obj
        if type(found) is dict and not picker.response_transformers and context.key in found:
            return found[context.key]
        return pick(picker, context)

    return pick_by_name


def _values_as_they_are(serialize: Callable[..., None]) -> Callable[..., None]:
    """Moto looks into each value of DynamoDB's streams for each of its ten kinds, though it has what is sent."""

    def as_it_is(serializer: Any, serialized: dict[str, Any], value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and type(value) is dict:
            serialized[key] = value
        else:
            serialize(serializer, serialized, value, shape, key)

    return as_it_is


def _copy_of_table(table: Table, _: dict[int, Any]) -> Table:
    """Moto copies whole tables before each transaction, in case it fails; the items themselves never change here."""
    copied = copy.copy(table)
    copied.items = table.items.copy()
    if table.has_range_key:
        copied.items.update({key: dict(items) for key, items in table.items.items()})
    if table.stream_shard is not None:
        copied.stream_shard = copy.copy(table.stream_shard)
        copied.stream_shard.table = copied
        copied.stream_shard.items = list(table.stream_shard.items)
    return copied


def _replacing(update_item: Callable[..., Any]) -> Callable[..., Any]:
    """Moto changes an item where it is; so that copies of its table keep the old one, it gets a new one to change."""

    def update(backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *more: Any, **named: Any) -> Any:
        table = backend.get_table(table_name)
        hash_key, range_key = backend.get_keys_value(table, key)
        item: Any = table.get_item(hash_key, range_key)
        if item:
            place: Any = table.items[hash_key] if range_key else table.items
            place[range_key or hash_key] = copy.deepcopy(item)
        return update_item(backend, table_name, key, *more, **named)

    return update


def _measured_once(item: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
    """Moto measures a whole new item again with each of its attributes; here with the last."""
    item.hash_key, item.range_key = hash_key, range_key
    item.attrs = LimitedSizeDict({name: DynamoType(value) for name, value in attrs.items()})
    for name in list(item.attrs)[-1:]:
        item.attrs[name] = item.attrs.pop(name)


def _traversal(nodes: Any) -> Callable[..., Any]:
    """Moto asks at each node of an expression, and slowly, of which kind it is: ten times for each update."""
    known: dict[tuple[type, type], tuple[bool, bool, type | None]] = {}
    sees_no_children = nodes.DepthFirstTraverser.pre_processing_of_child

    def traverse(traverser: Any, node: Any, child_id: int = -1) -> Any:
        kinds = type(traverser), type(node)
        if kinds not in known:
            sees_children = type(traverser).pre_processing_of_child is not sees_no_children
            processed_as = next((kind for kind in traverser.nodes_to_be_processed() if isinstance(node, kind)), None)
            known[kinds] = isinstance(node, nodes.Node), sees_children, processed_as
        is_node, sees_children, processed_as = known[kinds]
        if is_node:
            parent = node.parent
            for index, child in enumerate(node.children or ()):
                if sees_children:
                    traverser.pre_processing_of_child(node, index)
                traverse(traverser, child, index)
            if processed_as:
                node = traverser._processing_map()[processed_as](node)
                node.parent = parent
                if parent:
                    parent.children[child_id] = node
        return node

    return traverse


def _search(nodes: Any) -> Callable[..., Any]:
    """As above, where moto looks for the clauses of an expression."""
    nested = nodes.Expression, nodes.UpdateExpressionFunction
    known: dict[type, bool] = {}

    def find(node: Any, kinds: list[type]) -> list[Any]:
        clauses = []
        for child in node.children or ():
            kind = type(child)
            if kind not in known:
                known[kind] = isinstance(child, nested)
            if kind in kinds:
                clauses.append(child)
            elif known[kind]:
                clauses.extend(find(child, kinds))
        return clauses

    return find


def _at_the_root(verify: Callable[..., Any]) -> Callable[..., Any]:
    """Moto counts the clauses again at each of them; there are too many of a kind only if the whole has too many."""
    return lambda counter, node: node if node.parent else verify(counter, node)
