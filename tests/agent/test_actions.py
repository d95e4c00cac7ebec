"""Answers of models in three forms, valid and invalid: the actions they give, or the problem reported to the model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb.agent.actions import parse
from vlnb.agent.browser import Browser
from vlnb.agent.film import SHOP, recorded
from vlnb.errors import BadInput

SCREEN = (640, 480)


def call(arguments, name="computer_use"):
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


ONE_CALL = '{{"type": "function", "function": {{"name": "computer_use", "arguments": {}}}}}'
TOOL_CALLS = '{"tool_calls": [' + ONE_CALL.format(r'"{\"action\": \"left_click\", \"coordinate\": [10, 20]}"') + "]}"

GOOD = [
    # Qwen's own form
    (call('{"action": "left_click", "coordinate": [10, 20]}'), ["left_click (10, 20)"]),
    (call('{"action": "left_click", "coordinate": [10.5, 20]}'), ["left_click (10.5, 20)"]),
    (call('{"action": "double_click", "coordinate": [0, 480]}'), ["double_click (0, 480)"]),
    (call('{"action": "triple_click", "coordinate": [1, 2]}'), ["triple_click (1, 2)"]),
    (call('{"action": "right_click", "coordinate": [1, 2]}'), ["right_click (1, 2)"]),
    (call('{"action": "mouse_move", "coordinate": [3, 4]}'), ["mouse_move (3, 4)"]),
    (call('{"action": "left_click_drag", "coordinate": [3, 4]}'), ["left_click_drag (3, 4)"]),
    (call('{"action": "type", "text": "two words"}'), ["type “two words”"]),
    (call('{"action": "key", "keys": ["ctrl", "a"]}'), ["key Control + a"]),
    (call('{"action": "key", "keys": "ctrl+shift+t"}'), ["key Control + Shift + t"]),
    (call('{"action": "key", "keys": ["return"]}'), ["key Enter"]),
    (call('{"action": "key", "keys": "esc"}'), ["key Escape"]),
    (call('{"action": "key", "keys": ["+"]}'), ["key +"]),
    (call('{"action": "key", "keys": "+"}'), ["key +"]),
    (call('{"action": "key", "keys": 5}'), ["key 5"]),
    (call('{"action": "scroll", "pixels": -200}'), ["scroll -200"]),
    (call('{"action": "wait", "time": 2}'), ["wait"]),
    (call('{"action": "zoom", "coordinate": [1, 2], "coordinate2": [50, 60]}'), ["zoom (1, 2) to (50, 60)"]),
    (call('{"action": "terminate", "status": "success"}'), ["terminate"]),
    (call('{"action": "answer", "text": "42"}'), ["answer “42”"]),
    (call('{"action": "click", "coordinate": [1, 2]}', "mobile_use"), ["click (1, 2)"]),
    (call('{"action": "swipe", "coordinate": [1, 2], "coordinate2": [1, 90]}', "mobile_use"),
     ["swipe (1, 2) to (1, 90)"]),
    (call('{"action": "system_button", "button": "Back"}', "mobile_use"), ["system_button Back"]),
    ("I click it.\n" + call('{"action": "left_click", "coordinate": [10, 20]}'), ["left_click (10, 20)"]),
    ("<think>Perhaps " + call('{"action": "terminate"}') + "?</think>" + call('{"action": "wait"}'), ["wait"]),
    (call('{"action": "key", "keys": ["tab"]}') + call('{"action": "type", "text": "x"}'), ["key Tab", "type “x”"]),
    # malformed, but unambiguous
    ("<tool_call>{'name': 'computer_use', 'arguments': {'action': 'wait'}}</tool_call>", ["wait"]),
    ('<tool_call>{"name": "computer_use", "arguments": {"action": "wait",}}</tool_call>', ["wait"]),
    ('<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [10, 20]}}',
     ["left_click (10, 20)"]),
    ('```json\n{"action": "left_click", "coordinate": [10, 20]}\n```', ["left_click (10, 20)"]),
    (call('{"action": " Left_Click", "coordinate": [10, 20]}'), ["left_click (10, 20)"]),
    ('My only Action: press (OK).\n{"action": "wait"}', ["wait"]),
    # `tool_calls` of OpenAI's API
    (TOOL_CALLS, ["left_click (10, 20)"]),
    ("[" + ONE_CALL.format('{"action": "wait"}') + "," + ONE_CALL.format('{"action": "terminate"}') + "]",
     ["wait", "terminate"]),
    ('{"name": "left_click", "arguments": {"coordinate": [10, 20]}}', ["left_click (10, 20)"]),
    ('{"name": "computer_use", "arguments": {"type": "wait"}}', ["wait"]),
    # UI-TARS
    ("Thought: I see it.\nAction: click(start_box='(10,20)')", ["click (10, 20)"]),
    ("Thought: I see it.\nAction: click(start_box='<|box_start|>(10,20)<|box_end|>')", ["click (10, 20)"]),
    ("Action: click(point='<point>10 20</point>')", ["click (10, 20)"]),
    ("Action: left_double(start_box='[10, 20, 30, 40]')", ["left_double (20, 30)"]),
    ("Action: right_single(start_box='(10,20)')", ["right_single (10, 20)"]),
    ("Action: drag(start_box='(10,20)', end_box='(30,40)')", ["drag (10, 20) to (30, 40)"]),
    ("Action: hotkey(key='ctrl c')", ["hotkey Control + c"]),
    ("Action: type(content='it\\'s \"here\"\\n')", ["type “it's \"here\"\n”"]),
    ("Action: scroll(start_box='(10,20)', direction='down')", ["scroll (10, 20)"]),
    ("Action: type(content='She's here')", ["type “She's here”"]),
    ("Action: click(start_box=[10, 20])", ["click (10, 20)"]),
    ("Action: wait()", ["wait"]),
    ("Action: drag(start_point='<point>1 2</point>', end_point='<point>3 4</point>')", ["drag (1, 2) to (3, 4)"]),
    ("Action: type(content='{a}')", ["type “{a}”"]),
    # Anthropic's and OpenAI's tools, and answers that mix forms
    ('{"action": "left_click_drag", "start_coordinate": [1, 2], "coordinate": [3, 4]}',
     ["left_click_drag (1, 2) to (3, 4)"]),
    ('{"action": "click", "coordinate": [1, 2], "button": "right", "text": null}', ["right_click (1, 2)"]),
    ('{"action": "click", "coordinate": [1, 2], "button": "left"}', ["click (1, 2)"]),
    ('{"action": "drag", "coordinate": [1, 2], "coordinate2": [3, 4], "button": "right"}', ["drag (1, 2) to (3, 4)"]),
    ('{"action": "scroll", "scroll_direction": "down"}', ["scroll"]),
    ('I click [here].\n{"action": "left_click", "coordinate": [1, 2]}', ["left_click (1, 2)"]),
    ('Action: {"action": "left_click", "coordinate": [1, 2]}', ["left_click (1, 2)"]),
    ('Action: Click OK.\n```json\n{"action": "left_click", "coordinate": [1, 2]}\n```', ["left_click (1, 2)"]),
    (call('{"action": "system_button", "button": "Menu"}', "mobile_use"), ["system_button ContextMenu"]),
    (call('{"action": "key", "keys": "f12"}'), ["key F12"]),
    (call('{"action": "key", "keys": "f5"}'), ["key F5"]),
    (call('{"action": "key", "keys": "ctrl++"}'), ["key Control + +"]),
    ("Action: finished(content='42')", ["finished “42”"]),
    ("Action: call_user()", ["call_user"]),
    ("Action: click(start_box='(1,2)')\n\ntype(content='x')", ["click (1, 2)", "type “x”"]),
]  # fmt: skip

BAD = [
    ("", "calls no function"),
    ("I would click on Submit.", "calls no function"),
    ("<tool_call>\n</tool_call>", "calls no function"),
    ('{"tool_calls": []}', "calls no function"),
    ('[{"tool_calls": 7}]', "What was called is no function"),
    ("<tool_call>{nothing}</tool_call>", "not JSON"),
    ("<tool_call>[1, 2]</tool_call>", "no function"),
    ('<tool_call>{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [10, 2', "cut off"),
    ('{"tool_calls": [{"function": {"name": "computer_use", "arguments": "{\\"action\\": \\"wa"}}]}', "cut off"),
    (call('{"action": "fly"}'), "no action “fly”"),
    (call('{"action": 7}'), "no action “7”"),
    (call("{}"), "no action “computer_use”"),
    (call('{"action": "left_click"}'), "needs a point"),
    (call('{"action": "left_click", "coordinate": null}'), "needs a point"),
    (call('{"action": "left_click", "coordinate": [641, 20]}'), "outside the picture of 640 x 480"),
    (call('{"action": "left_click", "coordinate": [-1, 20]}'), "outside"),
    (call('{"action": "left_click", "coordinate": [20, -1]}'), "outside"),
    (call('{"action": "left_click", "coordinate": [10]}'), "coordinate"),
    (call('{"action": "left_click", "coordinate": [10, 20, 30, 40]}'), "coordinate"),
    (call('{"action": "left_click", "coordinate": ["a", 20]}'), "coordinate"),
    (call('{"action": "left_click", "coordinate": [true, 20]}'), "coordinate"),
    (call('{"action": "left_click", "coordinate": [10, 9999]}'), "(10, 9999) lies outside the picture"),
    (call('{"action": "zoom", "coordinate": [10, 20]}'), "needs a second point"),
    (call('{"action": "type"}'), "needs a text"),
    (call('{"action": "type", "text": 7}'), "text"),
    (call(f'{{"action": "type", "text": "{"x" * 6000}"}}'), "5000"),
    (call('{"action": "key"}'), "needs keys"),
    (call('{"action": "key", "keys": ["ctrl", "warp"]}'), "no key 'warp'"),
    (call('{"action": "key", "keys": ["a", "b", "c", "d", "e"]}'), "4"),
    (call('{"action": "wait", "time": 3600}'), "10"),
    (call('{"action": "wait", "time": -1}'), "greater than or equal to 0"),
    (call('{"action": "wait", "time": true}'), "time"),
    (call('{"action": "scroll", "pixels": 1e9}'), "10000"),
    (call('{"action": "scroll", "pixels": "far"}'), "pixels"),
    (call('{"action": "scroll", "coordinate": [1, 2]}'), "needs a distance"),
    (call('{"action": "key", "keys": ["F13"]}'), "keys: there is no key 'F13'"),
    (call('{"action": "terminate", "status": "perhaps"}'), "status"),
    ("Action: click(start_box='(10)')", "start_box"),
    ("Action: click(10, 20)", "needs a point"),
    ("Action: click(start_box='(10,20)'", "cut off"),
    ("Action: press the button", "is no action"),
    ("Action: scroll(start_box='(10,20)', direction='sideways')", "direction"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "actions"), GOOD)
def test_a_valid_answer_is_parsed_into_actions(answer, actions):
    turn = parse(answer, SCREEN)
    assert [str(action) for action in turn.actions] == actions
    assert turn.problem == ""


@pytest.mark.parametrize(("answer", "message"), BAD)
def test_an_invalid_answer_is_reported_to_the_model(answer, message):
    turn = parse(answer, SCREEN)
    assert turn.actions == ()
    assert message in turn.problem


def test_actions_before_an_invalid_one_are_kept():
    turn = parse(call('{"action": "wait"}') + call('{"action": "fly"}') + call('{"action": "terminate"}'), SCREEN)
    assert [action.name for action in turn.actions] == ["wait"]
    assert "fly" in turn.problem


def test_an_answer_is_cut_to_its_first_twenty_actions():
    turn = parse(call('{"action": "wait"}') * 50, SCREEN)
    assert len(turn.actions) == 20
    assert "20" in turn.problem


@pytest.mark.parametrize(
    ("answer", "thought"),
    [
        ("I click it.\n" + call('{"action": "wait"}'), "I click it."),
        ("Thought: I see it.\nAction: wait()", "I see it."),
        ('Now:\n```json\n{"action": "wait"}\n```', "Now:"),
        ("I give up.", "I give up."),
    ],
)
def test_the_text_before_an_action_is_the_thought(answer, thought):
    assert parse(answer, SCREEN).thought == thought


@pytest.mark.parametrize(
    ("arguments", "scrolled"),
    [
        ('{"action": "scroll", "pixels": 100}', (0, -100)),  # Qwen's + is up
        ('{"action": "scroll", "pixels": -100}', (0, 100)),
        ('{"action": "hscroll", "pixels": 100}', (100, 0)),
        ('{"action": "scroll", "direction": "up"}', (0, -300)),
        ('{"action": "scroll", "direction": "left"}', (-300, 0)),
        ('{"action": "scroll", "direction": "right"}', (300, 0)),
    ],
)
def test_scrolling_goes_in_the_direction_that_the_answer_means(arguments, scrolled):
    assert parse(call(arguments), SCREEN).actions[0].scrolled == scrolled


@given(st.text(alphabet="<tool_call>{}[]\"':,0123456789 actionclickcoordinate\n()=", max_size=200))
def test_any_answer_gives_actions_or_a_problem(text):
    turn = parse(text, SCREEN)
    assert turn.actions or turn.problem
    assert all(0 <= x <= 640 and 0 <= y <= 480 for action in turn.actions for x, y in action.points)


def test_a_missing_page_raises_one_clear_sentence_before_the_browser_starts():
    with pytest.raises(BadInput, match=r"There is no file nothing\.html"):
        Browser("nothing.html")
    with pytest.raises(BadInput, match="is a folder"):
        Browser(SHOP.parent)


@pytest.mark.parametrize("allowed", ["example.com", "::", "example.com:80", "file://example.com", "ftp://example.com"])
def test_a_local_page_accepts_an_allowed_host_only_with_its_scheme(allowed):
    with pytest.raises(BadInput, match="a host needs its scheme"):
        Browser(SHOP, allow=[allowed])
    assert Browser(SHOP, allow=["https://example.com", SHOP.parent.as_uri()])


@pytest.mark.parametrize(
    ("allowed", "address", "reached"),
    [
        ("https://Example.com", "https://example.com/a?b#c", True),
        ("https://example.com", "https://example.com:443/", True),
        ("https://example.com", "http://example.com/", False),
        ("https://example.com", "https://example.com:8443/", False),
        ("https://example.com", "https://example.com.evil.org/", False),
        ("https://example.com", "https://example.com@evil.org/", False),
        ("http://[::1]:80", "http://[::1]/", True),
        ("file:///tmp/a b", "file:///tmp/a%20b/c.html?d", True),
        ("file:///tmp/a", "file:///tmp/a.html", False),
        ("file:///tmp/a", "file:///tmp/a/../b", False),
        ("file:///", "file:///tmp/a", True),
        ("file:///tmp", "file://host/tmp/a", False),
        ("file:///tmp", "ftp://host/tmp/a", False),
    ],
)
def test_an_allowed_origin_reaches_only_its_own_addresses(allowed, address, reached):
    assert Browser(SHOP, allow=[allowed])._reaches(address) == reached


def test_a_run_that_cannot_be_saved_raises_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        recorded().save(tmp_path / "file" / "kept")
