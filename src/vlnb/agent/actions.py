"""Parses the answer of a model into checked actions.

It knows three forms: `<tool_call>` with Qwen's `computer_use` or `mobile_use`, `tool_calls` of OpenAI's API as JSON,
and the `Action:` lines of UI-TARS. Nothing is guessed: the model gets a sentence about every action that is unusable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError

from vlnb import tables
from vlnb.regions import lenient, thoughts

WORDS = tables.read("agent/words.toml")
_KIND = {name: kind for kind, names in WORDS["kinds"].items() for name in names.split()}
_ANSWER_CHARS, _MOST = 100_000, 20  # most characters and actions of an answer
_NO_CALL = "The answer calls no function. Call it in the form that the instructions show."
_DIRECTIONS = {"up": (0.0, -300.0), "down": (0.0, 300.0), "left": (-300.0, 0.0), "right": (300.0, 0.0)}
_KEY = re.compile(r"F(?:[1-9]|1[0-2])|[!-~]")  # a function key, or one printable character
_LINE = re.compile(r"(\w{1,40})\s?(?=\()")
_ACTION = re.compile(r"^\s{0,9}Action\s?:", re.MULTILINE)
_JSON = r"\{|\[\s{0,24}\{"
_NO_LINE = re.compile(r"[^({]{0,200}\{")  # after "Action:", JSON instead of name(…)
_CALL = re.compile(rf"<tool_call>|```|[{{\[]|{_ACTION.pattern}", re.MULTILINE)

Point = tuple[float, float]
Size = tuple[int, int]


class Unusable(Exception):  # noqa: N818 - its message goes to the model
    """An action cannot be used; the message tells the model why."""


def _point(value: object) -> object:
    """Parse UI-TARS's text of a point, "(10, 20)", or return the middle of a box of four numbers."""
    if not isinstance(value, str):
        return value
    numbers = [float(number) for number in lenient.NUMBER.findall(value)]
    return [(numbers[0] + numbers[2]) / 2, (numbers[1] + numbers[3]) / 2] if len(numbers) == 4 else numbers


def _keys(value: object) -> object:
    """Return Playwright's names of keys; a text such as "ctrl a" or "ctrl+a" names several."""
    parts = re.split(r"[\s+](?=.)", value) if isinstance(value, str) else value
    names = [str(part) for part in (parts if isinstance(parts, list) else [parts])]
    names = [name.upper() if len(name) > 1 and _KEY.fullmatch(name.upper()) else name for name in names]
    keys = [WORDS["keys"].get(name.lower()) or (name if _KEY.fullmatch(name) else None) for name in names]
    if None in keys:
        raise ValueError(f"there is no key {names[keys.index(None)][:40]!r}")
    return keys


_Number = Annotated[float, Field(strict=True, ge=-10_000, le=10_000)]
_Pair = Annotated[tuple[_Number, _Number] | None, BeforeValidator(_point)]
_Keys = Annotated[tuple[str, ...], BeforeValidator(_keys)]


class Action(BaseModel, frozen=True):
    """One action: `name` is the model's own name for it, `kind` a key of `[kinds]` in words.toml.

    `at` and `to` are points in pixels of the picture that the model saw; `time` is in seconds.
    """

    kind: str
    name: str
    at: _Pair = Field(None, validation_alias=AliasChoices("coordinate", "start_box", "start_point", "point"))
    to: _Pair = Field(None, validation_alias=AliasChoices("coordinate2", "end_box", "end_point"))
    text: str = Field("", max_length=5000, validation_alias=AliasChoices("text", "content"))
    keys: _Keys = Field((), max_length=4, validation_alias=AliasChoices("keys", "key"))
    pixels: _Number = 0.0
    direction: Literal["up", "down", "left", "right"] | None = Field(
        None, validation_alias=AliasChoices("direction", "scroll_direction")
    )
    time: Annotated[float, Field(strict=True, ge=0, le=10)] = 1.0
    status: Literal["success", "failure"] = "success"

    @property
    def points(self) -> tuple[Point, ...]:
        """Its points, in order."""
        return tuple(filter(None, (self.at, self.to)))

    @property
    def scrolled(self) -> tuple[float, ...]:
        """How far to scroll to the right and down, () without a distance; Qwen's pixels count upwards."""
        if self.direction:
            return _DIRECTIONS[self.direction]
        distance = (self.pixels, 0.0) if self.name == "hscroll" else (0.0, -self.pixels)
        return distance if self.pixels else ()

    def __str__(self) -> str:
        places = " to ".join(f"({x:g}, {y:g})" for x, y in self.points)
        content = f"“{self.text}”" if self.text else " + ".join(self.keys)
        return " ".join(filter(None, [self.name, places, content, f"{self.pixels:g}" if self.pixels else ""]))


@dataclass(frozen=True)
class Turn:
    """A parsed answer: the model's explanation, its actions, and a sentence about the first unusable action, or ""."""

    thought: str
    actions: tuple[Action, ...]
    problem: str


def parse(answer: str, screen: Size) -> Turn:
    """Parse an answer about a picture of `screen` (width, height): its actions up to the first unusable one."""
    text, actions, problem = thoughts.without(answer[:_ANSWER_CHARS]), list[Action](), ""
    try:
        for name, arguments in _calls(text):
            actions.append(_action(name, arguments, screen, full=len(actions) == _MOST))
    except Unusable as error:
        problem = str(error)
    thought = _CALL.split(text)[0].removeprefix("Thought:").strip()
    return Turn(thought, tuple(actions), problem or _NO_CALL * (not actions))


def _calls(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and arguments of every call: in tags, else in UI-TARS's lines, else in the first JSON value."""
    if "<tool_call>" in text:
        for body in text.split("<tool_call>")[1:]:
            yield from _calls_in(_value(body.partition("</tool_call>")[0]))
    elif (hit := _ACTION.search(text)) and not _NO_LINE.match(text, hit.end()):
        for line in filter(None, map(str.strip, text[hit.end() :].splitlines())):
            name = _LINE.match(line)
            if not name:
                raise Unusable(f"The line “{line[:80]}” is no action: write it as click(start_box='(x, y)').")
            yield name[1], _value(line, r"\(")
    else:
        yield from _calls_in(_value(text))


def _value(text: str, opening: str = _JSON) -> Any:  # noqa: ANN401 - any JSON
    """Return the first complete value in a text, parsed leniently: JSON, or the arguments of a function."""
    begin = re.search(opening, text)
    if not begin:
        raise Unusable(_NO_CALL)
    try:
        node = lenient.Reader(text + "\n").read(begin.start(), len(text) + 1, lambda *_: None)
    except lenient.Unreadable:
        raise Unusable("The call is not JSON.") from None
    if not node.whole:
        raise Unusable("The call was cut off before its end.")
    return node.plain()


def _calls_in(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - any JSON
    """Yield the calls in a JSON value: {name, arguments}, {function: …}, {action: …}, or lists of them."""
    for wrapper in ("tool_calls", "function"):
        if isinstance(value, dict) and wrapper in value:
            value = value[wrapper]
    if isinstance(value, list):
        for item in value:
            yield from _calls_in(item)
        return
    arguments = value.get("arguments", value) if isinstance(value, dict) else None
    arguments = _value(arguments) if isinstance(arguments, str) else arguments
    if not isinstance(arguments, dict):
        raise Unusable("What was called is no function: it needs a name, and arguments with an action.")
    yield str(arguments.get("action") or arguments.get("type") or value.get("name")), arguments


def _action(name: str, arguments: dict[str, Any], screen: Size, *, full: bool) -> Action:
    """Return the action, checked. Raises `Unusable`."""
    if full:
        raise Unusable(f"An answer may hold at most {_MOST} actions. The rest is left out.")
    kind = _KIND.get(name := name.strip().lower())
    if kind is None:
        raise Unusable(f"There is no action “{name[:40]}”. Use one that the schema lists.")
    name, arguments = _usual(name, kind, arguments)
    try:
        action = Action.model_validate({**arguments, "kind": kind, "name": name})
    except ValidationError as error:
        first = error.errors()[0]
        raise Unusable(
            f"{name} cannot be used: {first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}."
        ) from None
    for need in WORDS["needs"].get(kind, "").split():
        if not getattr(action, need):
            raise Unusable(f"{name} needs {WORDS['what'][need]}.")
    for x, y in action.points:
        if not (0 <= x <= screen[0] and 0 <= y <= screen[1]):
            raise Unusable(f"({x:g}, {y:g}) lies outside the picture of {screen[0]} x {screen[1]} pixels.")
    return action


def _usual(name: str, kind: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and arguments in Qwen's terms: other tools name the start of a drag and the mouse button apart."""
    arguments = {key: value for key, value in arguments.items() if value is not None}
    if start := arguments.pop("start_coordinate", None):
        end = arguments.pop("end_coordinate", arguments.get("coordinate"))
        arguments |= {"coordinate": start, "coordinate2": end}
    button = arguments.pop("button", "")
    if kind == "click" and f"{button}_click" in WORDS["clicks"]:
        name = f"{button}_click"
    elif kind == "key" and button:
        arguments.setdefault("keys", button)
    return name, arguments
