"""Requests checked by the schemas that describe them, as jsonschema does, and in words."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert_runtime.errors import InputError
from edgebert_runtime.serving.routes import openai, rerank
from edgebert_runtime.serving.routes.text_embeddings_inference import (
    PREDICT_REQUEST,
    SIMILARITY_REQUEST,
)
from edgebert_runtime.serving.schemas.check import check_body
from edgebert_runtime.serving.schemas.parts import plain

SCHEMAS = (openai.REQUEST, rerank.REQUEST, rerank.TEI_REQUEST, PREDICT_REQUEST, SIMILARITY_REQUEST)


@pytest.mark.parametrize(
    ("schema", "body", "said"),
    [
        (openai.REQUEST, [], "the body is a list, expected an object"),
        (openai.REQUEST, None, "the body is null, expected an object"),
        (
            openai.REQUEST,
            {},
            "the body lacks 'input', expected a string or a list of strings",
        ),
        (
            openai.REQUEST,
            {"input": {}},
            "input is an object, expected a string or a list of strings",
        ),
        (openai.REQUEST, {"input": ["a", 7]}, "input[1] is 7, expected a string"),
        (openai.REQUEST, {"input": []}, "input has 0 items, expected at least 1"),
        (
            openai.REQUEST,
            {"input": "a", "dimensions": 0},
            "dimensions is 0, expected at least 1",
        ),
        (
            openai.REQUEST,
            {"input": "a", "dimensions": True},
            "dimensions is true, expected a whole number",
        ),
        (
            openai.REQUEST,
            {"input": "a", "encoding_format": "int8"},
            "encoding_format is 'int8', expected one of 'float', 'base64'",
        ),
        (
            rerank.REQUEST,
            {"query": "a", "documents": ["a", {"title": "b"}]},
            "documents[1] lacks 'text', expected a string",
        ),
        (
            SIMILARITY_REQUEST,
            {"inputs": {"source_sentence": "a", "sentences": "b"}},
            "inputs.sentences is 'b', expected a list of strings",
        ),
        (
            PREDICT_REQUEST,
            {"inputs": [["a"], ["a", "b", "c"]]},
            "inputs[1] has 3 items, expected at most 2",
        ),
        (
            rerank.TEI_REQUEST,
            {"query": "a", "texts": ["b"], "truncation_direction": "left"},
            "truncation_direction is 'left', expected one of 'right', 'Right'",
        ),
    ],
)
def test_what_is_wrong_is_named(schema: Any, body: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        check_body(body, schema)
    assert str(caught.value) == said


def test_an_unknown_field_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="unknown field 'inputs'; it may have input, encoding_fo"):
        check_body({"inputs": "a", "input": "a"}, openai.REQUEST)


def test_a_long_text_is_not_repeated_in_an_error() -> None:
    with pytest.raises(InputError) as caught:
        check_body({"input": "a", "dimensions": "secret " * 20}, openai.REQUEST)
    assert str(caught.value) == "dimensions is a string, expected a whole number"


def test_null_is_as_nothing() -> None:
    assert check_body({"input": "a", "dimensions": None}, openai.REQUEST) == {"input": "a"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from([0.5, "a", "base64", "b"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


def fields_of(schema: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies with some of the fields, and perhaps one more."""
    names = dict.fromkeys(schema["properties"], VALUES) | {"else": st.just(1)}
    return st.fixed_dictionaries({}, optional=names)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_as_jsonschema_decides(data: st.DataObject) -> None:
    schema = data.draw(st.sampled_from(SCHEMAS))
    body = data.draw(fields_of(schema))
    validator = jsonschema.Draft202012Validator(json.loads(json.dumps(plain(schema))))
    try:
        check_body(body, schema)
    except InputError:
        assert not validator.is_valid(body)
    else:
        assert validator.is_valid(body)
