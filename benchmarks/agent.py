"""The agent on MiniWoB++: small web tasks of a public benchmark, in real Chromium, with the embedded engine.

    make bench                                   # or: .venv/bin/python benchmarks/agent.py click-link …

Prints the share of tasks that MiniWoB++ itself calls solved, with a 95 % interval (Wilson). An episode takes 2 to 7 s.
"""

from __future__ import annotations

import math
import sys
import time
from importlib import util
from pathlib import Path

import vlnb
from vlnb import agent, embedded
from vlnb.agent.browser import Browser

TASKS = (
    "click-button click-test click-test-2 click-tab click-button-sequence click-option click-checkboxes enter-text"
    " enter-text-dynamic login-user enter-password focus-text"
).split()
FURTHER = "click-link click-dialog-2 click-test-transfer sign-agreement".split()  # tried after the rules were written
NEEDS_EYES = (
    "click-color click-shape click-shades click-pie count-shape count-sides circle-center drag-box drag-circle"
    " drag-shapes draw-circle draw-line identify-shape bisect-angle right-angle use-colorwheel use-slider"
    " visual-addition hover-shape grid-coordinate"
).split()
SEEDS = range(5)
SIZE, SCALE = (160, 210), 4.0


def pages() -> Path:
    """Return the folder with the tasks' pages."""
    spec = util.find_spec("miniwob")
    if spec is None or spec.origin is None:
        raise SystemExit("MiniWoB++ is missing: pip install --no-deps miniwob")
    return Path(spec.origin).parent / "html"


def opened() -> Browser:
    """Return a browser for all tasks."""
    return Browser(pages() / "miniwob" / "click-test.html", allow=[pages().as_uri()], size=SIZE, scale=SCALE)


def episode(endpoint: vlnb.Endpoint, browser: Browser, task: str, seed: int) -> tuple[bool, agent.Run]:
    """Let the model try one task; return whether MiniWoB++ calls it solved, and the run."""
    page = browser.page
    browser.call(page.goto((pages() / "miniwob" / f"{task}.html").as_uri()))
    start_episode = "core.EPISODE_MAX_TIME = 3600000; Math.seedrandom(String(seed)); core.startEpisodeReal();"
    goal = browser.call(page.evaluate(f"seed => {{ {start_episode} return core.getUtterance() }}", seed))
    run = agent.run(endpoint, browser, goal if isinstance(goal, str) else goal["utterance"], confirm=lambda _: True)
    done, reward = browser.call(page.evaluate("[WOB_DONE_GLOBAL, WOB_RAW_REWARD_GLOBAL]"))
    return done and reward == 1, run


def interval(solved: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share, by Wilson."""
    middle, half = solved + z * z / 2, z * math.sqrt(solved * (total - solved) / total + z * z / 4)
    return (middle - half) / (total + z * z), (middle + half) / (total + z * z)


def table(endpoint: vlnb.Endpoint, browser: Browser, tasks: list[str]) -> None:
    """Run the tasks and print the success rates."""
    solved = 0
    for task in tasks:
        start, successes = time.perf_counter(), 0
        for seed in SEEDS:
            is_solved, run = episode(endpoint, browser, task, seed)
            successes += is_solved
            if not is_solved:
                print(f"    {task} {seed}: {run.goal} -> {run.status}: {run.answer}")
        solved += successes
        print(f"{task:24} {successes} of {len(SEEDS)}   {(time.perf_counter() - start) / len(SEEDS):.1f} s an episode")
    low, high = interval(solved, total := len(SEEDS) * len(tasks))
    print(f"{'together':24} {solved} of {total}: {solved / total:.1%}, 95 % interval {low:.1%} to {high:.1%}\n")


def main() -> None:
    """Print the tables."""
    endpoint = vlnb.connect(embedded.start().base_url, announce=None)
    with opened() as browser:
        if sys.argv[1:]:
            return table(endpoint, browser, sys.argv[1:])
        table(endpoint, browser, TASKS)
        print("tried once the rules were written:")
        table(endpoint, browser, FURTHER)
    print(f"not attempted, for they need eyes: {', '.join(NEEDS_EYES)}")
    return None


if __name__ == "__main__":
    try:
        main()
    except vlnb.BadInput as error:
        print(f"The agent is not measured here. {error}")
