"""Schemas on real servers: what is lowered is taken and enforced; what is not is refused in one sentence."""

import pytest

import vlnb
from tests.typed.constructs import CONSTRUCTS
from vlnb.typed import Form

FEW = {"max_tokens": 6, "temperature": 1.0, "seed": 1}


@pytest.fixture(scope="module")
def served(sglang):
    return vlnb.connect(sglang.base_url, announce=None)


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_sglang_takes_every_lowered_schema(served, name):
    reply = served.ask("Extract the data.", schema=CONSTRUCTS[name], **FEW)
    assert reply.text.lstrip()[:1] in ("{", "["), reply.text


def test_what_is_not_lowered_is_one_sentence(served):
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": CONSTRUCTS["uniqueItems"]}}
    try:
        text = served.ask("Extract the data.", response_format=form, **FEW).text
    except vlnb.ServerRefused as error:
        assert "refuses the JSON schema" in str(error)
        assert "\n" not in str(error)
    else:
        assert text.lstrip().startswith("{"), "xgrammar 0.1 takes it, and does not enforce it"


def test_servers_say_whether_they_enforce(served, llama):
    assert served.enforces_schemas
    assert llama.enforces_schemas


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_llama_takes_every_lowered_schema(llama, name):
    reply = llama.ask("Extract the data.", schema=CONSTRUCTS[name], **FEW)
    assert reply.text.lstrip()[:1] in ("{", "[", ""), reply.text  # it keeps half a letter back


def test_transformers_serve_is_found_out(transformers):
    try:
        assert not transformers.enforces_schemas
    except vlnb.ServerRefused as error:
        assert "response_format" in str(error)
    assert Form.of(CONSTRUCTS["string"]).wire["required"] == ["field"]
