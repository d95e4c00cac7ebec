"""The vision check names what is wrong with a server, and finds nothing wrong with a sound one."""

import json
import threading

import pytest

import vlnb
from tests.accuracy.check.oracle import Oracle, tasks
from vlnb.accuracy.check import Check, asking, vision_check
from vlnb.accuracy.check.asking import Answered, place
from vlnb.accuracy.check.faults import faults
from vlnb.accuracy.check.tasks import obeys
from vlnb.accuracy.check.tasks import tasks as draw
from vlnb.regions import Box
from vlnb.regions.shapes import scaled

SEED = 4


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch):
    """The pictures of a seed are always the same: drawing them takes a second each time."""
    monkeypatch.setattr(asking, "tasks", tasks)


def check(fault="", seed=SEED, **options):
    with Oracle(seed, fault, **options) as server:
        return vision_check(vlnb.connect(server.address, announce=None), seed=seed)


@pytest.mark.parametrize("seed", [SEED, 77])
def test_a_sound_server_passes(seed):
    found = check(seed=seed)
    wrong = [(one.task.id, one.text, one.note) for one in found.answered if not one.right]
    assert wrong == []
    assert found.findings == ()
    assert found.sound
    assert found.right == found.asked_of == 24
    assert found.clock.startswith("Video by video_url: blind."), "it answers about pictures, and knows no video"
    assert found.clock in str(found)
    assert found.clock.split(".")[0] in found.as_html()


@pytest.mark.parametrize(
    ("fault", "name", "wrong"),
    [
        ("drop", "pictures dropped", {"seen", "order", "places", "usage"}),
        ("swap", "pictures swapped", {"order"}),
        ("resize", "pictures resized again", {"places", "usage"}),
        ("thousand", "coordinates from 0 to 1000", {"places"}),
        ("repeat", "answers repeat themselves", set()),
        ("schema", "schema ignored", {"schema"}),
        ("noise", "blind", {"seen", "places", "colour"}),
        ("token", "pictures dropped", {"seen", "places", "colour", "usage"}),
        ("mute", "empty answers", {"seen", "places", "colour"}),
        ("loop", "blind", {"seen", "places", "colour"}),
        ("polite", "schema ignored", {"schema"}),
        ("drowned", "JSON drowns in white space", {"schema"}),
        ("fenced", "schema ignored", {"schema"}),
        ("stale", "answers mixed up", {"seen", "fine print"}),
    ],
)
def test_a_faulty_server_is_named(fault, name, wrong):
    found = check(fault)
    assert [one.name for one in found.findings if one.grave] == [name]
    assert not found.sound
    assert wrong <= {skill.name for skill, right, of, *_ in found.skills() if right < of}


def test_what_is_no_harm_to_a_user_is_told_but_is_not_grave():
    found = check("restless")
    assert [one.name for one in found.findings] == ["answers differ"]
    assert found.sound
    assert [skill.name for skill, right, of, *_ in found.skills() if right < of] == ["twice"]


def test_the_factor_of_a_second_resizing_is_told():
    (found,) = check("resize").findings
    assert "factor 0.50 on the 1288 px wide one" in found.sentence
    assert "costs 160 tokens; 589 are expected" in found.sentence


@pytest.mark.parametrize("fault", ["noise", "drop", "mute", "loop"])
def test_one_root_cause_comes_first_and_no_advice_for_what_follows_from_it(fault):
    found = check(fault)
    (cause,) = found.findings
    lines = str(found).splitlines()
    assert lines[1] == str(cause).splitlines()[0]
    assert str(found).count("Try:") == 1
    assert found.as_html().count("Try:") == 1
    assert "channels" not in found.as_html()


PIXELS = {"sglang": "--mm-process-config", "vllm": "--mm-processor-kwargs", "llamacpp": "--image-max-tokens"}


@pytest.mark.parametrize("owner", [*PIXELS, "library", None])
def test_advice_fits_the_server_that_answers(owner):
    found = check("resize", owner=owner)
    advice = str(found)
    for other, flag in PIXELS.items():
        assert (flag in advice) is (other == owner)
    assert "--" in advice if owner in PIXELS else "--" not in advice
    assert "resizing" in advice
    blind = str(check("noise", owner=owner))
    assert ("triton_attn" in blind, "--mmproj" in blind) == (owner == "sglang", owner == "llamacpp")
    assert owner == "sglang" or "ROCM" not in advice + blind


@pytest.mark.parametrize(
    "usage",
    [{}, {"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": "many"}, {"total_tokens": 4}, []],
)
def test_a_server_whose_counts_are_no_numbers_counts_none(usage):
    found = check(usage=usage)
    (only,) = found.findings
    assert "This server counts no tokens" in only.sentence
    assert not only.grave
    assert found.sound
    assert [skill.name for skill, right, of, *_ in found.skills() if right < of] == ["usage"]
    assert "counts no tokens" in str(found)


@pytest.mark.parametrize(
    ("text", "cut", "names"),
    [
        ("[" + "\n\t" * 80, True, ["JSON drowns in white space"]),
        (" \n" * 80, False, ["JSON drowns in white space"]),
        (
            '{\n                    "colour":\n                    "red"\n                    }\n',
            False,
            ["schema ignored"],
        ),
        ("The code is light.", False, ["schema ignored"]),
        ('{"code": "' + "X" * 100, True, []),
        ('{"code": "AAAAAA", "paper": "light"}', False, []),
    ],
)
def test_what_an_answer_by_a_schema_shows(text, cut, names):
    task = next(task for task in tasks(SEED) if task.skill == "schema")
    sees = [Answered(one, one.truth, right=True) for one in tasks(SEED) if one.skill == "seen"]
    note = "" if obeys(text) else "does not match the schema"
    found = faults([*sees, Answered(task, text, right=False, note=note, cut=cut)], "sglang")
    assert [one.name for one in found] == names


def test_questions_that_fail_are_told_as_what_they_are():
    task = next(task for task in tasks(SEED) if task.skill == "order")
    answered = [Answered(one, one.truth, right=True, picture_tokens=9) for one in tasks(SEED) if one.skill == "seen"]
    answered.append(Answered(task, "", right=False, error="At most 1 picture may be sent."))
    found = Check("m", SEED, tuple(answered), 4, 1.0)
    assert "1 of 1 questions failed: At most 1 picture may be sent." in str(found)
    assert "mixed up" not in str(found)


def test_the_embedded_engine_is_asked_only_what_it_can_read(endpoint):
    seen = []
    found = vision_check(endpoint, seed=SEED, watch=seen.append)
    scores = {skill.name: (right, of) for skill, right, of, *_ in found.skills()}
    assert scores["seen"] == (3, 3)
    assert scores["usage"] == (1, 1)
    assert scores.keys() == {"seen", "fine print", "places", "tables", "twice", "usage"}
    assert found.skipped == ("order", "counting", "colour", "sides", "charts", "schema")
    assert "reads text only; questions that need vision were skipped: knows which picture is which" in str(found)
    assert "ROCM" not in str(found)
    assert [len(so_far.answered) for so_far in seen] == list(range(1, found.asked_of + 1))
    assert found.sound


def test_a_server_that_dies_ends_the_check_with_what_it_has():
    with Oracle(SEED) as server:
        endpoint = vlnb.connect(server.address, announce=None)

        def stop_after_five(so_far):
            if len(so_far.answered) == 5:
                server.shutdown()
                server.server_close()

        found = vision_check(endpoint, seed=SEED, watch=stop_after_five)
    assert len(found.answered) == 7
    assert [one.right for one in found.answered] == [True] * 5 + [False] * 2
    assert found.stopped.startswith("Stopped after 7 questions: Nothing answers at http://127.0.0.1")
    assert not found.sound
    assert "5 of 24 right" in str(found)


def test_a_server_that_never_answered_is_no_blind_one():
    task = tasks(SEED)[0]
    (only,) = faults([Answered(task, "", right=False, error="Nothing answers there.")])
    assert (only.name, only.sentence) == ("no answer", "Nothing answers there.")


def test_pictures_are_new_with_each_seed_and_the_same_with_one():
    codes = [[task.truth for task in draw(seed) if task.skill == "seen"] for seed in (1, 1, 2)]
    assert codes[0] == codes[1] != codes[2]
    first, again = (draw(1)[0].pictures[0].image.tobytes() for _ in range(2))
    assert first == again


def test_guessing_is_told():
    expected = sum(1 / len(task.choices) for task in tasks(SEED) if task.choices)
    assert 2 < expected < 4
    assert vision_check_text().count(f"guessing: about {expected:.0f}; seed {SEED}") == 1


def vision_check_text():
    return str(check())


@pytest.mark.parametrize(
    ("skill", "answer", "right"),
    [
        ("colour", "It is {truth}.", True),
        ("colour", "{TRUTH}", True),
        ("colour", "red, green, blue, yellow, black, orange", False),  # names all, and so none
        ("order", "Picture {truth}", True),
        ("order", "1 or 2", False),
        ("tables", "{truth}", True),
        ("tables", "{others}", False),  # the whole table
        ("seen", "The code is {truth}.", True),
        ("seen", "{truth}X", False),
        ("seen", "", False),
        ("schema", "{{{truth}}}", False),
        ("schema", "[]", False),
        ("schema", '{{"code": "{truth}", "paper": "light", "more": 1}}', False),
        ("schema", '{{"code": "{truth}", "paper": "grey"}}', False),
        ("schema", '{{"code": "{truth}", "paper": "dark"}}', True),
    ],
)
def test_answers_in_words(skill, answer, right):
    task = next(task for task in tasks(SEED) if task.skill == skill)
    assert task.right(answer.format(truth=task.truth, TRUTH=task.truth.upper(), others=" ".join(task.choices))) is right


@pytest.mark.parametrize(
    ("name", "scale", "space"),
    [
        ("small", (1, 1), "seen"),
        ("small", (1000 / 1288, 1000 / 728), "thousand"),
        ("small", (0.6, 0.6), "resized"),
        ("large", (0.5, 0.5), "resized"),
        ("large", (1000 / 2240, 1000 / 1680), "thousand"),
        ("small", (2.0, 0.3), ""),
    ],
)
def test_in_which_pixels_a_box_is(name, scale, space):
    task = next(task for task in tasks(SEED) if task.id == f"box on a {name} picture")
    box = scaled(task.box, *scale)
    text = json.dumps([{"bbox_2d": [round(side) for side in box.corners], "label": "x"}])
    assert place(task, text)[0] == space


def test_no_box_is_no_place():
    task = next(task for task in tasks(SEED) if task.box)
    assert isinstance(task.box, Box)
    assert place(task, "I do not know.")[0] == ""
    assert place(task, "[]")[0] == ""


def test_what_is_shown_runs_nothing_that_a_model_wrote():
    with Oracle(SEED) as server:
        server.said = lambda *_, **__: "<script>alert(1)</script>"
        found = vision_check(vlnb.connect(server.address, announce=None), seed=SEED)
    assert "<script>" not in found.as_html()
    assert "&lt;script&gt;" in found.as_html()
    assert threading.active_count() < 50
