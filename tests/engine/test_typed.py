"""Schemas on real servers: a lowered schema is accepted and enforced; another one is refused in one sentence."""

import pytest

import vlnb
from tests.typed.constructs import CONSTRUCTS

FEW_TOKENS = {"max_tokens": 6, "temperature": 1.0, "seed": 1}


@pytest.fixture(scope="module")
def sglang_endpoint(sglang):
    return vlnb.connect(sglang.base_url, announce=None)


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_sglang_accepts_every_lowered_schema(sglang_endpoint, name):
    reply = sglang_endpoint.ask("Extract the data.", schema=CONSTRUCTS[name], **FEW_TOKENS)
    assert reply.text.lstrip()[:1] in ("{", "["), reply.text


def test_a_schema_that_is_not_lowered_is_refused_or_not_enforced(sglang_endpoint):
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": CONSTRUCTS["uniqueItems"]}}
    try:
        text = sglang_endpoint.ask("Extract the data.", response_format=form, **FEW_TOKENS).text
    except vlnb.ServerRefused as error:
        assert "refuses the JSON schema" in str(error)
        assert "\n" not in str(error)
    else:
        assert text.lstrip().startswith("{"), "xgrammar 0.1 accepts it, and does not enforce it"


def test_sglang_and_llama_are_detected_as_enforcing_schemas(sglang_endpoint, llama):
    assert sglang_endpoint.enforces_schemas
    assert llama.enforces_schemas


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_llama_accepts_every_lowered_schema(llama, name):
    reply = llama.ask("Extract the data.", schema=CONSTRUCTS[name], **FEW_TOKENS)
    assert reply.text.lstrip()[:1] in ("{", "[", ""), reply.text  # it holds back an incomplete character


def test_transformers_serve_is_detected_as_not_enforcing_schemas(transformers):
    assert not transformers.enforces_schemas
