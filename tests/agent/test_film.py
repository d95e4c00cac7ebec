"""What a run leaves: the prompt of its next step, its film strip, and the folder it is saved in."""

import json

import pytest
from pydantic import TypeAdapter

from vlnb.agent.actions import WORDS
from vlnb.agent.film import Deed, Run, Step, recorded
from vlnb.agent.loop import _to_page, _zoomed, prompt
from vlnb.markup import element

DEEDS = (Deed("key Tab", "done", "done"), Deed("click (1, 2)", "no field “é”", "failed", asked=("Send it?",)))
RUN = Run("Buy “café”", "m", "", (Step(b"", (640, 480), "", DEEDS, ("a note\nof two lines",)),))


@pytest.mark.parametrize("zoomed", [False, True])
def test_the_prompt_has_the_goal_the_outcomes_and_the_notes_each_on_its_line(zoomed):
    assert prompt(RUN, (640, 480), touch=False, zoomed=zoomed).text == "\n".join(
        [
            'Goal: "Buy “café”"',
            'Step 1: ["key Tab -> done: done", "click (1, 2) -> failed: no field “é”"]',
            'Note: "a note\\nof two lines"',
            *[WORDS["zoomed"]] * zoomed,
            WORDS["next"],
        ]
    )


@pytest.mark.parametrize(
    ("touch", "name", "other"), [(True, "mobile_use", "computer_use"), (False, "computer_use", "mobile_use")]
)
def test_the_system_prompt_lists_the_actions_of_the_device_and_the_size_of_the_picture(touch, name, other):
    system = prompt(RUN, (652, 476), touch=touch, zoomed=False).system
    assert name in system
    assert other not in system
    assert "652" in system
    assert "476" in system
    for action, what in WORDS["actions"][name].items():
        assert f"- {action}: {what}" in system.splitlines()


@pytest.mark.parametrize(
    ("corners", "part"),
    [
        ([(100, 100), (300, 200)], (100, 100, 200, 100)),
        ([(300, 200), (100, 100)], (100, 100, 200, 100)),
        ([(100, 100), (300, 120)], (100, 60, 200, 100)),  # as wide as high as the page
        ([(100, 100), (120, 300)], (0, 100, 400, 200)),
        ([(500, 250), (500, 250)], (475, 237.5, 50, 25)),  # smaller than a twentieth
        ([(0, 0), (20, 20)], (0, 0, 50, 25)),
        ([(990, 490), (1000, 500)], (950, 475, 50, 25)),
        ([(0, 0), (1000, 500)], (0, 0, 1000, 500)),
    ],
)
def test_a_zoom_shows_a_part_with_the_shape_of_the_page_within_it(corners, part):
    assert _zoomed(corners, (0, 0, 1000, 500)) == pytest.approx(part)


def test_a_point_of_the_picture_is_mapped_to_the_part_of_the_page_that_it_shows():
    assert _to_page((320, 120), (640, 480), (100, 50, 200, 100)) == (200, 75)


def test_a_saved_run_is_read_back_unchanged_and_its_film_has_every_step(tmp_path):
    run, folder = recorded(), tmp_path / "runs" / "shop"
    for _ in range(2):  # a second time replaces the first
        run.save(folder)
    assert TypeAdapter(Run).validate_json((folder / "run.json").read_bytes()) == run
    assert json.loads((folder / "run.json").read_text("utf-8"))["goal"] == run.goal
    film = (folder / "film.html").read_text("utf-8")
    assert film.count("<img") == len(run.steps)
    for number, step in enumerate(run.steps, 1):
        assert f"<b>Step {number}</b>" in film
        for line in step.lines:
            assert element("x", line)[3:-4] in film


def test_a_step_is_told_in_sentences():
    (step,) = RUN.steps
    assert step.lines == [
        "key Tab → done", "click (1, 2) → failed, no field “é”", "Asked: Send it?", "a note\nof two lines",
    ]  # fmt: skip
    assert str(Deed("click (1, 2)", "done", "done", page=((1.04, 2),))) == "click (1, 2) → (1.0, 2.0) of the page: done"
    assert (RUN.answer, Run("Buy", "m").answer) == ("no field “é”", "")
