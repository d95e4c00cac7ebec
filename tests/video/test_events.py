"""Times in answers: every form in which models write them is read as intervals in seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb import video
from vlnb.video.events import seconds

READ = {
    "64.0 - 72.0 seconds": [(64, 72, "")],
    "12:34.56s": [(754.56, 754.56, "")],
    "The man jumps at 3.2s.": [(3.2, 3.2, "The man jumps")],
    "02.00": [(2, 2, "")],
    "The door opens from 00:03.50 to 00:05.": [(3.5, 5, "The door opens")],
    "It happens between 10 and 12 seconds.": [(10, 12, "It happens")],
    "1. 0:00-0:05: Intro\n2. 0:05 - 0:12: Dance": [(0, 5, "Intro"), (5, 12, "Dance")],
    "a dog at 2 s, a cat at 4 s": [(2, 2, "a dog"), (4, 4, "a cat")],
    "- 1:02:03 the credits": [(3723, 3723, "the credits")],
    '[{"start_time": "00:03.50", "end_time": "00:05.00", "description": "door"}]': [(3.5, 5, "door")],
    '```json\n[{"start_time": 3, "end_time": 5.5, "event": "door"}]\n```': [(3, 5.5, "door")],
    '{"events": [{"timestamp": "4.0s", "label": "jump"}]}': [(4, 4, "jump")],
    '{"time": "64.0 - 72.0 seconds", "what": "a"}': [(64, 72, "a")],
    '{"timestamps": [3.2, 8.1], "caption": "run"}': [(3.2, 8.1, "run")],
    '[[1, 2, "a"], [3, 4, "b"]]': [(1, 2, "a"), (3, 4, "b")],
    "{'start': 1, 'end': 2, 'description': 'single quotes'}": [(1, 2, "single quotes")],
    "The door opens at 2 min 5 s.": [(125, 125, "The door opens")],
    "From 1m10s to 1m20s: run": [(70, 80, "run")],
    "3,5 s: Tür": [(3.5, 3.5, "Tür")],
    "1,234 s: late": [(1234, 1234, "late")],
    "00:00:03,500 --> 00:00:05,000": [(3.5, 5, "")],
    "从3.2秒到5.8秒，门打开": [(3.2, 5.8, "门打开")],
    "a bell at 3.0 s and 7.0 s": [(3, 3, "a bell"), (7, 7, "")],
    '[{"start": "2 min 5 s", "end": "2 min 9 s", "event": "x"}]': [(125, 129, "x")],
    '[{"start": 1, "end": 2, "event": "x", "bbox_2d": [10, 20, 30, 40]}]': [(1, 2, "x")],
    '[{"start": 1, "end": 2, "event": "x", "point_2d": [10, 20]}]': [(1, 2, "x")],
    '{"timestamps": [3.2, 7.5, 9.0], "event": "bell"}': [(3.2, 3.2, "bell"), (7.5, 7.5, "bell"), (9, 9, "bell")],
    '{"label": "walk", "timestamp": [[3, 5], [7, 9]]}': [(3, 5, "walk"), (7, 9, "walk")],
    '{"time": {"start": 3, "end": 4}, "event": "x"}': [(3, 4, "x")],
    '[{"start": 3, "duration": 5, "event": "x"}]': [(3, 8, "x")],
    '{"event": "x", "intervals": [{"start": 1, "end": 2}]}': [(1, 2, "x")],
    '{"timestamps": [{"time": 3, "event": "x"}, {"time": 5, "event": "y"}]}': [(3, 3, "x"), (5, 5, "y")],
    '{"events": [], "length": "20 s"}': [],
    '{"events": [], "clip_length": "20 s", "note": "none at 3 s"} []': [],
    "[3.2, 7.5, 9.0]": [(3.2, 3.2, ""), (7.5, 7.5, ""), (9, 9, "")],
    '["0:05", "0:09", "0:12"]': [(5, 5, ""), (9, 9, ""), (12, 12, "")],
    '["0:05", "0:09", "run"]': [(5, 9, "run")],
    '["0:05 - 0:09", "0:12 - 0:20"]': [(5, 9, ""), (12, 20, "")],
    '{"events": ["a dog at 3 s", "5 s"]}': [(3, 3, "a dog"), (5, 5, "")],
    '{"dog": "0:03 - 0:05", "cat": "7 s"}': [(3, 5, "dog"), (7, 7, "cat")],
    '{"label": "walk", "position": "3 s"}': [(3, 3, "walk")],
    '{"count": "3", "score": [2, 4]}': [],
    '{"duration": 5, "event": "x"}': [],
    '{"end": 5, "event": "x"}': [(5, 5, "x")],
    '{"start": true, "end": 2}': [(2, 2, "")],
    "The values {1, 2} hold from 3 s to 5 s.": [(3, 5, "The values {1, 2} hold")],
    "3 - 5": [(3, 5, "")],
    "The sign {EXIT} is visible from 3 s to 5 s.": [(3, 5, "The sign {EXIT} is visible")],
    "The word appears at 5 s. \\boxed{5}": [(5, 5, "The word appears")],
    '[{"start_frame": 45, "end_frame": 90, "event": "x"}]': [],
    '{"sentiment": 5, "label": "x"}': [],
    '{"0-5s": "intro", "5-9s": "walk"}': [(0, 5, "intro"), (5, 9, "walk")],
    '{"start_ms": 3000, "end_ms": 5000}': [(3, 5, "")],
    '{"start_milliseconds": 3000, "end_milliseconds": 5000}': [(3, 5, "")],
    '{"start_minutes": 1, "end_minutes": 2}': [(60, 120, "")],
    '{"timestamp_start": 3, "timestamp_end": 5}': [(3, 5, "")],
    '{"segment": [3, 5]}': [(3, 5, "")],
    '{"time range": "3-5"}': [(3, 5, "")],
    '{"timestamps": [[3, 5], [6, 9]], "sentences": ["a", "b"]}': [(3, 5, "a"), (6, 9, "b")],
    "[00:02 - 00:05] The door opens.\n[00:07 - 00:11] A dog": [(2, 5, "The door opens"), (7, 11, "A dog")],
    "[12:03] A man": [(723, 723, "A man")],
    "[0.0s - 3.5s] A man": [(0, 3.5, "A man")],
    "He enters at 5 s (see [1, 2]).": [(5, 5, "He enters")],
    "The events: [[3, 5], [7, 9]]": [(3, 5, ""), (7, 9, "")],
    "1.5 min": [(90, 90, "")],
    **{
        f"The door opens {words} 3 s": [(3, 3, "The door opens")]
        for words in ("von", "in about", "during", "by", "approximately", "roughly at", "first around the")
    },
    "5 minutes": [(300, 300, "")],
    '{"the start": "3 s", "the end": "60 s"}': [(3, 3, "the start"), (60, 60, "the end")],
    '{"start_mins": 1, "end_mins": 2}': [(60, 120, "")],
    "* The door\n  0:03 - 0:05": [(3, 5, "The door")],
    "5 secs": [(5, 5, "")],
    "1 h 2 min 5 s": [(3725, 3725, "")],
    "1 hr": [(3600, 3600, "")],
    "1 m 10 s: run": [(70, 70, "run")],
    "2分5秒：开门": [(125, 125, "开门")],
    "There are 5 hats, 3 monkeys and a 10mm lens.": [],
    **{f"3 s {mark} 5 s": [(3, 5, "")] for mark in "– — until till through bis 至".split()},
    "from 2.5 min to 3 min": [(150, 180, "")],
    "1 hour 5 seconds": [(3605, 3605, "")],
    "1h 30s": [(3630, 3630, "")],
    "A car at 3 m/s is 5 m away.": [],
    "<think>Perhaps at 9 s.</think>The door opens at 5 s.": [(5, 5, "The door opens")],
    "Perhaps at 9 s.</think>The door opens at 5 s.": [(5, 5, "The door opens")],
    '{"start": 1e999, "end": 2}': [(2, 2, "")],
    f'{{"start": {"9" * 400}, "end": 2}}': [(2, 2, "")],
    '{"segments": [["0:03", "0:05"], ["0:07", "0:09"]]}': [(3, 5, ""), (7, 9, "")],
    '{"timestamps": ["0:03", "0:05"], "event": "it\'s"}': [(3, 5, "it's")],
    "[[00:03, 00:05], [00:07, 00:09]]": [(3, 5, ""), (7, 9, "")],
    "{start: 0:03, end: 5 s, event: door}": [(3, 5, "door")],
    "[00:03, 00:05] The door opens": [(3, 5, "The door opens")],
    "The door opens (00:03, 00:05) and closes at <7s, 8s>.": [(3, 5, "The door opens"), (7, 8, "and closes")],
    "The door [3, 5], the window [7.0, 9.0].": [(3, 5, "The door"), (7, 9, "the window")],
    "At 00:03 [1] the door opens [2].": [(3, 3, "the door opens")],
    "start: 3.0s, end: 5.0s - door opens": [(3, 5, "door opens")],
    "Start: 00:03, End: 00:05, Event: door": [(3, 5, "door")],
    "Time: 3.0\nEvent: door\n\nTime: 5.0\nEvent: cat": [(3, 3, "door"), (5, 5, "cat")],
    "- Event 1: door\n  - **Start**: 3 s\n  - **End**: 5 s\n- Event 2: cat\n  - **Start**: 7\n  - **End**: 8": [
        (3, 5, "door"),
        (7, 8, "cat"),
    ],
    "| # | Event | Start (s) | End (s) |\n|:-|:-|:-|:-|\n| 1 | door | 3.0 | 5 |\n| 2 | cat | 7 | 8 |": [
        (3, 5, "door"),
        (7, 8, "cat"),
    ],
    "| Time | Event |\n|---|---|\n| 0:03 - 0:05 | door |\n| 7.0 | cat |": [(3, 5, "door"), (7, 7, "cat")],
    "start,end,event\n3.0,5.0,door\n7.0,8.0,cat": [(3, 5, "door"), (7, 8, "cat")],
    "Time\tEvent\n0:03\tdoor": [(3, 3, "door")],
    '{"the door opens": ["0:03", "0:05"], "end credits": ["60 s", "72 s"]}': [
        (3, 5, "the door opens"),
        (60, 72, "end credits"),
    ],
    "1\n00:00:03,000 --> 00:00:05,000\nThe door\n\n2\n00:01:05,000 --> 00:01:12,000\nThe end": [
        (3, 5, "The door"),
        (65, 72, "The end"),
    ],
    "**0:03 - 0:05**\nThe door\n\n**0:07**\nA cat": [(3, 5, "The door"), (7, 7, "A cat")],
    "### The door\n0:03 - 0:05\n### A cat\n0:07 - 0:08": [(3, 5, "The door"), (7, 8, "A cat")],
    "1. The door\n   0:03\n2. A cat\n   0:07": [(3, 3, "The door"), (7, 7, "A cat")],
    "Here are the events:\n0:03\n0:05": [(3, 3, ""), (5, 5, "")],
    "| Event | Time |\n|---|---|\n| a man, a dog | 0:03 |": [(3, 3, "a man, a dog")],
    "At the 2-second mark, the door opens. At the 5-second mark, a cat.": [(2, 2, "the door opens"), (5, 5, "a cat")],
    "He starts at around 3.5 seconds": [(3.5, 3.5, "He starts")],
    "<answer>[3.5, 8.2]</answer>": [(3.5, 8.2, "")],
    "<2.0, 4.5>": [(2, 4.5, "")],
    "2~4秒：开门；5~8秒：狗进来": [(2, 4, "开门"), (5, 8, "狗进来")],
    "Note: at 3 s the door opens": [(3, 3, "Note")],
    "at 3 \u017f": [],
    "There are 5 dogs and no times.": [],
    "": [],
}


@pytest.mark.parametrize("text", READ)
def test_an_answer_becomes_events(text):
    assert [(event.start_s, event.end_s, event.label) for event in video.events(text, 4000)] == READ[text]


@pytest.mark.parametrize(
    ("start", "end"),
    [("starts", "ends"), ("starting", "ending"), ("started", "ended"), ("begin", "finish"), ("from", "to"),
     ("start", "stop"), ("start", "until"), ("starts_in", "ends_in"), ("start_at", "end_at"),
     ("start_point", "end_point"),
     ("start_stamp", "end_stamp"), ("start_s", "end_s"), ("start_secs", "end_secs"), ("start_seconds", "end_seconds"),
     ("start_hh_mm_ss", "end_hh_mm_ss")],
)  # fmt: skip
def test_keys_of_a_start_and_an_end_are_known(start, end):
    (event,) = video.events(f'{{"{start}": 3, "{end}": 5, "event": "x"}}', 60)
    assert (event.start_s, event.end_s, event.label) == (3, 5, "x")


@pytest.mark.parametrize(
    "key",
    "t at when moment segment second seconds time times interval time_interval timeinterval time_s time_sec time_secs"
    " time_seconds timestamp time_stamps time_range time_span".split(),
)
def test_keys_of_a_moment_are_known(key):
    (event,) = video.events(f'{{"{key}": 3, "event": "x"}}', 60)
    assert (event.start_s, event.end_s, event.label) == (3, 3, "x")


@pytest.mark.parametrize(
    ("text", "intervals", "repair"),
    [
        ("from 8s to 5s", [(5, 8)], "8 and 5 s were swapped"),
        ('[{"start": 5, "end": 99}]', [(5, 60)], "was cut to the clip of 60 s"),
        ('[{"start": 200, "end": 210}]', [], "left out: 200 to 210 s lies outside the clip"),
        ('[{"start": 1, "end": 2}, {"start": 3, "en', [(1, 2)], "the answer was cut"),
        ('[{"start": 1, "end": 2}, {"start": 3, "end": 4', [(1, 2)], "the answer was cut"),
        ('{"events": [{"start": 1, "end": 2}, {"start": 3, "end": 4', [(1, 2)], "the answer was cut"),
        ('{"start": 3, "end": 4', [], "the answer was cut"),
        ('{"timestamps": [3.2, 8', [(3.2, 3.2)], "the answer was cut"),
        ("at 70 s\nat 70 s", [], "left out: 70 s lies outside the clip of 60 s (2 times)"),
    ],
)
def test_repairs_are_listed(text, intervals, repair):
    events = video.events(text, 60)
    assert [(event.start_s, event.end_s) for event in events] == intervals
    assert any(repair in message for message in events.repairs)


def test_an_answer_without_flaws_has_no_repairs():
    assert video.events('[{"start": 1, "end": 2}]', 60).repairs == ()


@pytest.mark.parametrize(("count", "last"), [(20, "left out: 19"), (22, "and 2 more repairs")])
def test_a_long_list_of_repairs_is_cut(count, last):
    repairs = video.events("\n".join(f"at 19{number} s" for number in range(count)), 60).repairs
    assert len(repairs) == min(count, 21)
    assert last in repairs[-1]


@given(st.integers(0, 5999), st.integers(0, 99))
def test_a_time_reads_the_same_in_each_notation(whole, hundredths):
    value = whole + hundredths / 100
    for text in (f"{value:.2f}", f"{value:.2f} s", f"{whole // 60:02}:{whole % 60:02}.{hundredths:02}"):
        assert seconds(text) == pytest.approx(value)


@given(st.text(alphabet='0123456789:.,-s {}[]"endtim', max_size=200))
def test_any_text_gives_events_within_the_clip(text):
    for event in video.events(text, 30):
        assert 0 <= event.start_s <= event.end_s <= 30


@pytest.mark.parametrize("piece", ["1:", "1 - ", "0:00-", "[", '{"start":', "1 s to ", "9"])
def test_long_malformed_text_does_not_hang_the_parser(piece):
    video.events(piece * 30_000, 60)


def test_a_timeline_shows_exact_frames_and_no_markup_from_the_model():
    from vlnb import samples

    sample = samples.clip(4, words=1)
    events = video.events('[{"start": 1.0, "end": 2.0, "label": "<script>alert(1)</script>"}]', 4)
    html = video.timeline(events, sample.data)
    assert "<script>" not in html
    assert html.count("<details") == 1
    assert "<small>1.00 s</small>" in html
    assert "<small>2.00 s</small>" in html


def test_a_timeline_without_events_says_so():
    from vlnb import samples

    assert "no event" in video.timeline(video.events("", 2), samples.clip(2, words=1).data)
