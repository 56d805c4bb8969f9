"""What the error for a body of the wrong shape says, and that it repeats nothing of what was sent."""

import json
import re
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from core.callers.browser_tokens import TokenBody
from core.drops.recipes import Recipe
from core.errors import InvalidRequest
from core.requests.bodies import EditBody
from core.settings import Settings, SettingsError, SpendingSettings
from core.uploads import UploadBody
from core.validation import (
    MAX_DIGITS,
    MAX_VALUES,
    Body,
    InvalidJson,
    first_fault,
    load_json,
    name_of,
    requirement,
)
from interfaces.mcp_server.arguments import Arguments

SECRET = "s3cret"
TOKEN = {"images": 1, "origins": ["https://shop.example"]}
UPLOAD = {"content_type": "image/png"}


@pytest.mark.parametrize(
    ("body", "document", "param", "code", "says"),
    [
        (EditBody, {"prompt": 1}, "prompt", "invalid_type", "must be a string"),
        (EditBody, {"n": "s3cret"}, "n", "invalid_type", "must be an integer"),
        (EditBody, {"stream": SECRET}, "stream", "invalid_type", "must be true or false"),
        (EditBody, {"images": SECRET}, "images", "invalid_type", "must be an array"),
        (EditBody, {"images": [SECRET]}, "images[0]", "invalid_type", "must be an object"),
        (EditBody, {"size_": SECRET}, "size_", "unknown_parameter", "Known parameters are: background"),
        (EditBody, {"svg": {"x": SECRET}}, "svg.x", "unknown_parameter", "'svg.x'"),
        (Recipe, {"wait_for_sidecar": 901}, "wait_for_sidecar", "invalid_value", "must be at most 900"),
        (TokenBody, {}, "images", "missing_required_parameter", '{"images": 3'),
        (TokenBody, TOKEN | {"expires_in": 29}, "expires_in", "invalid_value", "must be at least 30"),
        (TokenBody, TOKEN | {"origins": []}, "origins", "invalid_value", "must have at least 1 entry."),
        (TokenBody, TOKEN | {"origins": ["x"] * 21}, "origins", "invalid_value", "must have at most 20 entries"),
        (
            TokenBody,
            TOKEN | {"origins": ["https://" + "x" * 300]},
            "origins[0]",
            "invalid_value",
            "at most 300 characters",
        ),
        (TokenBody, TOKEN | {"models": ["gpt-image-" + "9" * 600_000]}, "models[0]", "invalid_value", "at most 128"),
        (EditBody, {"images": [1] * 2_000_000}, "images", "invalid_value", "at most 64 entries"),
        (EditBody, {"images": [{}] * 65}, "images", "invalid_value", "must have at most 64 entries"),
        (EditBody, {"svg": {"model": "x" * 420_000}}, "svg.model", "invalid_value", "must have at most 128 characters"),
        (EditBody, {"images": [{"file_id": 1}]}, "images[0].file_id", "invalid_type", "must be a string"),
        (UploadBody, {"content_type": ""}, "content_type", "missing_required_parameter", "Missing"),
        (UploadBody, {"content_type": SECRET}, "content_type", "invalid_value", "'image/jpeg' or 'image/webp'"),
        (UploadBody, UPLOAD | {"filename": SECRET * 99}, "filename", "invalid_value", "at most 255 characters"),
    ],
)
def test_a_wrong_body_is_refused_with_what_is_allowed(
    body: type[Body], document: dict[str, Any], param: str, code: str, says: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        body.read(document)
    problem = refused.value.problem
    assert (problem.param, problem.code) == (param, code)
    assert says in problem.message
    assert SECRET not in problem.message


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize(("body", "needed"), [(EditBody, {}), (Recipe, {}), (TokenBody, TOKEN), (UploadBody, UPLOAD)])
def test_an_empty_value_of_any_optional_field_is_absent(body: type[Body], needed: dict[str, Any], empty: Any) -> None:
    optional = {name for name, field in body.model_fields.items() if not field.is_required()} - {"prompt"}
    assert body.read(needed | dict.fromkeys([*optional, "unheard_of"], empty)) == body.read(needed)


def test_an_empty_value_inside_a_value_is_absent() -> None:
    body = EditBody.read(
        {"svg": {"model": "", "reasoning": {"effort": ""}}, "images": [{"file_id": "", "image_url": "x"}]}
    )
    assert body == EditBody.read({"svg": {"reasoning": {}}, "images": [{"image_url": "x"}]})


def subclasses(base: type[BaseModel]) -> list[type[BaseModel]]:
    """All models that stand for what somebody sends or sets."""
    direct = base.__subclasses__()
    return [*direct, *(each for one in direct for each in subclasses(one))]


# One of each kind of wrong value, and some that are right for other fields.
VALUES: list[Any] = [
    *("", " ", "x", "x" * 100_000, "-1", "1.5", "9" * 30, "true", "https://a.example"),
    *(0, -1, 1, 1.5, 10**13, 10**30, float("inf"), True),
    *(
        [],
        [1],
        ["x"],
        ["x" * 10_000],
        ["x"] * 200,
        [[]],
        [{"file_id": 1}],
        {},
        {"a": 1},
        {"model": 1},
        {"reasoning": 1},
    ),
]
PYDANTIC = re.compile(
    r"input should|field required|extra inputs|should (match|have|be)|valid (string|integer|number|boolean|list|dict)|"
    r"unable to|value error|assertion failed|does not have the right form|\[type=|pydantic",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "model", [*subclasses(Body), *subclasses(Arguments), *subclasses(Settings)], ids=lambda model: model.__name__
)
def test_every_fault_of_every_schema_is_said_in_our_words(model: type[BaseModel]) -> None:
    names = [field.alias or name for name, field in model.model_fields.items()]
    said = set()
    texts = [value for value in VALUES if isinstance(value, str)]  # All that an environment can have.
    values = texts if issubclass(model, Settings) else [*VALUES, "\ud800"]
    for document in [{}, {"unheard_of": 1}, *({name: value} for name in names for value in values)]:
        try:
            model.model_validate(document)
        except ValidationError as error:
            first_fault(error)
            for fault in [first_fault(error), *error.errors(include_url=False)]:
                said.add(requirement(fault))
                assert "[str]" not in name_of(first_fault(error))
    assert not [clause for clause in said if PYDANTIC.search(clause)]
    # These name what they are about themselves.
    about = ("EASEL_", "SECRET_ARN", "dollars")
    assert all(clause.startswith(("must ", "is ")) or any(name in clause for name in about) for clause in said), said


class Choices(Body):
    either: str | Annotated[list[str], Field(max_length=2)] | None = None


@pytest.mark.parametrize(
    ("value", "param", "says"),
    [
        (1, "either", "must be a string or an array"),
        ({}, "either", "must be a string or an array"),
        ([1], "either[0]", "must be a string"),
        (["a", "b", "c"], "either", "must have at most 2 entries"),
    ],
)
def test_a_value_of_several_types_is_refused_by_the_one_that_it_has(value: Any, param: str, says: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Choices.read({"either": value})
    assert (refused.value.problem.param, says in refused.value.problem.message) == (param, True)


def test_a_wrong_setting_is_told_by_its_variable() -> None:
    variables = {"EASEL_JOBS_TABLE": "jobs", "EASEL_LEDGER_TABLE": "ledger", "EASEL_RETENTION_DAYS": "many"}
    with pytest.raises(SettingsError) as refused:
        SpendingSettings.from_environment(variables | {"EASEL_DAILY_BUDGET_USD": "ten"})
    assert str(refused.value) == (
        "Invalid settings in the environment: EASEL_JOBS_QUEUE_URL: is missing; EASEL_RETENTION_DAYS: must be an "
        "integer; EASEL_DAILY_BUDGET_USD: 'ten' is not a valid amount of dollars; write 20, 0.05 or 1.234567"
    )


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"a": ', "", b'{"a": "\xff"}', "[" * 100_000])
def test_json_that_cannot_be_stored_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        load_json(text)


def test_other_json_is_read_as_it_is() -> None:
    document = {"prompt": "Ein Otter 🦦", "n": 1}
    assert load_json(json.dumps(document)) == document


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" + "1," * MAX_VALUES + "1,1]", "has more than 40000 values"),
        ("[" * 50_000, "has more than 40000 values"),
        ('{"a":{"":1},' * 30_000, "has more than 40000 values"),
        ("9" * (MAX_DIGITS + 1), "digits"),
        ("-" + "9" * 4000, "digits"),
        ('{"n": NaN}', "NaN"),
        ('{"n": -Infinity}', "-Infinity"),
        ('{"a": ', "valid JSON"),
        ('{"a": "\\ud800"}', "valid JSON"),
    ],
)
@pytest.mark.parametrize("kind", [str, str.encode])
def test_what_a_parser_should_not_be_given_is_refused_with_the_reason(kind: Any, text: str, says: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        load_json(kind(text))
    assert says in str(refused.value)


def test_the_longest_prompt_may_consist_of_what_separates_values() -> None:
    assert load_json(json.dumps({"prompt": "," * 32_000}))["prompt"] == "," * 32_000
