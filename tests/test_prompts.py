"""Prompts: each states its task and the format of the answer."""

import pytest

from vlnb import prompts
from vlnb.errors import BadInput

EVERY = [
    prompts.detect("taxi"), prompts.points("door"), prompts.count("cups"), prompts.spot_text(),
    prompts.locate("the total"), prompts.extract(["company", "date"]), prompts.document(),
    prompts.read(), prompts.compare(),
]  # fmt: skip


@pytest.mark.parametrize("prompt", EVERY, ids=lambda prompt: prompt.text[:20])
def test_a_prompt_converts_to_its_text(prompt):
    assert str(prompt) == prompt.text
    assert "  " not in prompt.text


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        (prompts.detect("taxi"), ["picture: taxi.", "bbox_2d", "label"]),
        (prompts.points("door"), ["to: door.", "<points"]),
        (prompts.count("cups"), ["Count in this picture: cups.", "bbox_2d"]),
        (prompts.spot_text("word"), ["every word", "text_content"]),
        (prompts.extract(["company", "größe"]), ['{"company": "", "größe": ""}']),
        (prompts.document(), ["QwenVL HTML"]),
    ],
)
def test_each_prompt_names_its_target_or_answer_format(prompt, parts):
    assert all(part in prompt.text for part in parts)


@pytest.mark.parametrize(
    ("make_prompt", "message"),
    [
        (lambda: prompts.detect(" "), "Say what to look for"),
        (lambda: prompts.spot_text("letter"), "Choose line, word, text"),
        (lambda: prompts.extract([]), "names of the fields"),
        (lambda: prompts.extract("total"), "names of the fields"),
    ],
)
def test_empty_or_unknown_arguments_raise_a_clear_error(make_prompt, message):
    with pytest.raises(BadInput, match=message):
        make_prompt()


@pytest.mark.parametrize("skill", prompts.SKILLS)
def test_every_skill_makes_a_prompt(skill):
    assert isinstance(prompts.SKILLS[skill]("the total"), prompts.Prompt)
