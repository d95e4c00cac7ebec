"""The vision check names the faults of a server, and finds none in a sound one."""

import functools
import json
from dataclasses import replace

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
pytestmark = pytest.mark.xdist_group("check")  # one worker draws the pictures, and keeps the checks


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Reuse the pictures of a seed, which are always the same and take seconds to draw, and send a short clip."""
    monkeypatch.setattr(asking, "tasks", tasks)
    monkeypatch.setattr(asking, "_CLIP_S", 6)


@functools.cache
def check(fault="", seed=SEED, **options):
    with Oracle(seed, fault, **options) as server:
        return vision_check(vlnb.connect(server.address, announce=None), seed=seed)


@pytest.mark.parametrize("seed", [SEED, 77])
def test_a_sound_server_passes(seed):
    result = check(seed=seed)
    wrong_answers = [(answer.task.id, answer.text, answer.note) for answer in result.answered if not answer.right]
    assert wrong_answers == []
    assert result.findings == ()
    assert result.sound
    assert result.right == result.asked_of == 24
    assert result.clock.startswith("Video by video_url: blind."), "the oracle understands pictures but no video"
    assert result.clock in str(result)
    assert result.clock.split(".")[0] in result.as_html()


@pytest.mark.parametrize(
    ("fault", "name", "failed_skills"),
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
def test_the_check_names_the_fault_of_a_server(fault, name, failed_skills):
    result = check(fault)
    assert [finding.name for finding in result.findings if finding.grave] == [name]
    assert not result.sound
    assert failed_skills <= {skill.name for skill, right, total, *_ in result.skills() if right < total}


def test_a_harmless_fault_is_reported_but_is_not_grave():
    result = check("restless")
    assert [finding.name for finding in result.findings] == ["answers differ"]
    assert result.sound
    assert [skill.name for skill, right, total, *_ in result.skills() if right < total] == ["twice"]


def test_the_report_states_the_factor_of_a_second_resizing():
    (finding,) = check("resize").findings
    assert "factor 0.50 on the 1288 px wide one" in finding.sentence
    assert "costs 160 tokens; 589 are expected" in finding.sentence


@pytest.mark.parametrize("fault", ["noise", "drop", "mute", "loop"])
def test_the_root_cause_comes_first_and_only_it_gets_advice(fault):
    result = check(fault)
    (cause,) = result.findings
    lines = str(result).splitlines()
    assert lines[1] == str(cause).splitlines()[0]
    assert str(result).count("Try:") == 1
    assert result.as_html().count("Try:") == 1
    assert "channels" not in result.as_html()


PIXEL_FLAGS = {"sglang": "--mm-process-config", "vllm": "--mm-processor-kwargs", "llamacpp": "--image-max-tokens"}


@pytest.mark.parametrize("owner", [*PIXEL_FLAGS, "library", ""])
def test_advice_fits_the_server_that_answers(owner):
    advice = str(replace(check("resize"), owner=owner))
    for other, flag in PIXEL_FLAGS.items():
        assert (flag in advice) is (other == owner)
    assert "--" in advice if owner in PIXEL_FLAGS else "--" not in advice
    assert "resizing" in advice
    blind = str(replace(check("noise"), owner=owner))
    assert ("triton_attn" in blind, "--mmproj" in blind) == (owner == "sglang", owner == "llamacpp")
    assert owner == "sglang" or "ROCM" not in advice + blind


def test_the_server_names_its_maker():
    assert check("resize").owner == ""
    assert check("resize", owner="vllm").owner == "vllm"


@pytest.mark.parametrize(
    "usage",
    [
        "{}", '{"prompt_tokens": null, "completion_tokens": null}', '{"prompt_tokens": "many"}', '{"total_tokens": 4}',
        "[]",
    ],
)  # fmt: skip
def test_invalid_token_counts_are_reported_as_no_counts(usage):
    result = check(usage=usage)
    (finding,) = result.findings
    assert "This server counts no tokens" in finding.sentence
    assert not finding.grave
    assert result.sound
    assert [skill.name for skill, right, total, *_ in result.skills() if right < total] == ["usage"]
    assert "counts no tokens" in str(result)


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
def test_schema_faults_are_diagnosed_from_the_answer(text, cut, names):
    task = next(task for task in tasks(SEED) if task.skill == "schema")
    readings = [Answered(reading, reading.truth, right=True) for reading in tasks(SEED) if reading.skill == "seen"]
    note = "" if obeys(text) else "does not match the schema"
    findings = faults([*readings, Answered(task, text, right=False, note=note, cut=cut)], "sglang")
    assert [finding.name for finding in findings] == names


def test_a_failed_question_is_reported_with_its_error_not_as_mixed_up():
    task = next(task for task in tasks(SEED) if task.skill == "order")
    answered = [
        Answered(reading, reading.truth, right=True, picture_tokens=9)
        for reading in tasks(SEED)
        if reading.skill == "seen"
    ]
    answered.append(Answered(task, "", right=False, error="At most 1 picture may be sent."))
    result = Check("m", SEED, tuple(answered), 4, 1.0)
    assert "1 of 1 questions failed: At most 1 picture may be sent." in str(result)
    assert "mixed up" not in str(result)


def test_the_embedded_engine_gets_only_questions_about_text(endpoint):
    progress = []
    result = vision_check(endpoint, seed=SEED, watch=progress.append)
    scores = {skill.name: (right, total) for skill, right, total, *_ in result.skills()}
    assert scores["seen"] == (3, 3)
    assert scores["usage"] == (1, 1)
    assert scores.keys() == {"seen", "fine print", "places", "tables", "twice", "usage"}
    assert result.skipped == ("order", "counting", "colour", "sides", "charts", "schema")
    assert "reads text only; questions that need vision were skipped: knows which picture is which" in str(result)
    assert "ROCM" not in str(result)
    assert [len(so_far.answered) for so_far in progress] == list(range(1, result.asked_of + 1))
    assert result.sound


def test_when_the_server_dies_the_check_ends_with_the_answers_so_far():
    with Oracle(SEED) as server:
        endpoint = vlnb.connect(server.address, announce=None)

        def stop_after_five(so_far):
            if len(so_far.answered) == 5:
                server.shutdown()
                server.server_close()

        result = vision_check(endpoint, seed=SEED, watch=stop_after_five)
    assert len(result.answered) == 7
    assert [answer.right for answer in result.answered] == [True] * 5 + [False] * 2
    assert result.stopped.startswith("Stopped after 7 questions: Nothing answers at http://127.0.0.1")
    assert not result.sound
    assert "5 of 24 right" in str(result)


def test_a_server_that_never_answers_is_not_reported_as_blind():
    task = tasks(SEED)[0]
    (finding,) = faults([Answered(task, "", right=False, error="Nothing answers there.")])
    assert (finding.name, finding.sentence) == ("no answer", "Nothing answers there.")


def test_each_seed_has_its_own_pictures_and_always_the_same_ones():
    codes = [[task.truth for task in draw(seed) if task.skill == "seen"] for seed in (1, 1, 2)]
    assert codes[0] == codes[1] != codes[2]
    first, again = (draw(1)[0].pictures[0].image.tobytes() for _ in range(2))
    assert first == again


def test_the_summary_states_the_score_expected_from_guessing():
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
        ("colour", "red, green, blue, yellow, black, orange", False),  # names every colour
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
def test_each_skill_judges_free_form_answers(skill, answer, right):
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
def test_the_coordinate_space_of_a_box_is_detected(name, scale, space):
    task = next(task for task in tasks(SEED) if task.id == f"box on a {name} picture")
    box = scaled(task.box, *scale)
    text = json.dumps([{"bbox_2d": [round(side) for side in box.corners], "label": "x"}])
    assert place(task, text)[0] == space


def test_an_answer_without_a_box_has_no_coordinate_space():
    task = next(task for task in tasks(SEED) if task.box)
    assert isinstance(task.box, Box)
    assert place(task, "I do not know.")[0] == ""
    assert place(task, "[]")[0] == ""


def test_the_html_report_escapes_text_from_the_model():
    with Oracle(SEED) as server:
        server.text_for = lambda *_, **__: "<script>alert(1)</script>"
        result = vision_check(vlnb.connect(server.address, announce=None), seed=SEED)
    assert "<script>" not in result.as_html()
    assert "&lt;script&gt;" in result.as_html()
