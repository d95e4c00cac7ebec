"""SGLang's own MMMU harness: its command, and its printed and stored results in our tables.

Source: benchmark/mmmu/bench_sglang.py and eval_utils.py of SGLang 0.5.6; a result holds no text of the questions.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlnb.accuracy.mmmu.grading import Rules, grade
from vlnb.accuracy.mmmu.question import Question, subject_of
from vlnb.accuracy.mmmu.results import Scores, counted_scores
from vlnb.bench.sglang import text_of
from vlnb.errors import BadInput

_DICT = re.compile(r"\{'[A-Z][A-Za-z_]*': \{'acc'.*?\}\}", re.DOTALL)
_TIME = re.compile(r"Benchmark time: ([0-9.]+)")


def command(port: int = 30000, concurrency: int = 64, *, max_tokens: int | None = None) -> str:
    """Return the shell command of the harness, to be run in SGLang's source tree.

    It cuts answers at 30 tokens unless `max_tokens` says otherwise.
    """
    words = ["python3", "benchmark/mmmu/bench_sglang.py", "--port", str(port), "--concurrency", str(concurrency)]
    if max_tokens is not None:
        words += ["--extra-request-body", json.dumps({"max_tokens": max_tokens})]
    return shlex.join(words)


def read(source: str | Path) -> tuple[Scores, float | None]:
    """Return (scores, seconds) of what the harness printed, or of its val_sglang.json; the seconds where they are told.

    `source` is the text itself or a path. Where it left questions out (large pictures, failed requests) its
    denominators are smaller, and it does not say so. Raises `BadInput` where no result is found.
    """
    text = text_of(source)
    seconds = _TIME.search(text)
    return _scores(_printed(text)), float(seconds[1]) if seconds else None


def read_answers(
    path: str | Path, questions: Mapping[str, Question] | None = None, rules: Rules = "official"
) -> Scores:
    """Return the scores of an answer_sglang.json; with `questions` (by id) its texts are graded by `rules`.

    Versions differ: an answer is a text, or an object with `original_response` and perhaps `judge`. Without questions
    the harness's own verdicts are counted, where they are there. Raises `BadInput` where they are not.
    """
    try:
        found = json.loads(text_of(path))
    except ValueError as error:
        raise BadInput(f"{path} is no JSON ({error}).") from error
    if not isinstance(found, dict) or not found:
        raise BadInput(f"{path} holds no answers: it should be an object with an answer for each question's id.")
    counts: dict[str, list[bool]] = {}
    if questions is not None:
        for question in questions.values():  # those that the harness left out are wrong
            right = grade(question, _words(found.get(question.id)), rules).correct
            counts.setdefault(question.subject, []).append(right)
    else:
        for name, answer in found.items():
            if not isinstance(answer, dict) or "judge" not in answer:
                raise BadInput(
                    f"{path} holds answers without verdicts (an older SGLang): pass the questions, such as"
                    " {q.id: q for q in mmmu.load().questions}, to grade them."
                )
            counts.setdefault(subject_of(name), []).append(answer["judge"] == "Correct")
    return counted_scores({subject: (sum(found), len(found)) for subject, found in counts.items()})


def _words(answer: Any) -> str | None:  # noqa: ANN401 - as the file has it
    if isinstance(answer, dict):
        answer = answer.get("original_response") or answer.get("pred_ans")
    return answer if isinstance(answer, str) else None


def _printed(text: str) -> dict[str, Any]:
    """Return the dictionary with 'acc' and 'num' in a text: Python's own print of it, or JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        hit = _DICT.search(text)
        try:
            found = ast.literal_eval(hit[0]) if hit else None
        except (ValueError, SyntaxError) as error:
            raise BadInput(f"The harness's result is damaged ({error}): was it cut when it was copied?") from error
    if not isinstance(found, dict) or not all(isinstance(one, dict) and "acc" in one for one in found.values()):
        raise BadInput(
            "No result of SGLang's MMMU harness was found: it prints {'Accounting': {'acc': …, 'num': …}, …}."
        )
    return found


def _scores(found: Mapping[str, Any]) -> Scores:
    subjects = {name: one for name, one in found.items() if not name.startswith("Overall")}
    return counted_scores({name: (round(one["acc"] * one["num"]), int(one["num"])) for name, one in subjects.items()})
