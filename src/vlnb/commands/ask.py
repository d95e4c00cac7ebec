"""`vlnb ask`, `vlnb serve` and `vlnb doctor`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vlnb.commands import STDIN, Count, Port, Seconds, is_file, say, server, show, show_json
from vlnb.errors import BadInput, VlnbError

if TYPE_CHECKING:
    from vlnb import images, video

_ADDRESS = re.compile(r"(https?|data|file):", re.IGNORECASE)
_MAX_BOXES = 20  # --json prints all of them


def ask(
    *picture_question: str,
    json: bool = False,
    url: str | None = None,
    model: str | None = None,
    max_tokens: Count = 2048,
    max_pixels: Count | None = None,
    page: tuple[Count, ...] = (1,),
    timeout: Seconds = 600.0,
) -> int:
    """Ask a question about pictures, or about a video.

    For example: vlnb ask receipt.jpg "What is the grand total?"

    Parameters
    ----------
    picture_question
        Paths or addresses of pictures, PDFs or videos (- for a picture or PDF from standard input), and then the
        question.
    json
        Print the whole reply as one JSON object.
    url
        The server to ask (instead of VLNB_BASE_URL).
    model
        The model to ask (instead of VLNB_MODEL).
    max_tokens
        Longest answer, in tokens.
    max_pixels
        Largest size at which a picture is sent, in pixels.
    page
        Page of a PDF, or several: --page 1 2.
    timeout
        Longest wait for the answer, in seconds.

    Raises
    ------
    VlnbError
        A picture or a setting cannot be used, or the server fails. The message names this command's options.
    """
    from vlnb import images

    *names, question = picture_question or [""]
    if not names:
        raise BadInput(
            'Give a picture and then a question (a video works too): vlnb ask receipt.jpg "What is the grand total?"'
        )
    if is_file(question) and not os.path.exists(names[0]) and not _ADDRESS.match(names[0]):  # noqa: PTH110
        raise BadInput(f'The question comes last: vlnb ask {question} "{names[0]}"')
    # Pictures first, so that a wrong path is reported before a server is looked for.
    pictures = [picture for name in names for picture in _opened(name, page)]
    endpoint = server(url, model, first_token_s=timeout, total_s=timeout)
    try:
        limit = max_pixels or images.MAX_PIXELS
        stream = endpoint.stream(question, *pictures, max_tokens=max_tokens, max_pixels=limit)
        if json:
            show_json(stream.reply.as_dict())
            return 0
        try:
            for piece in stream:
                show(piece, end="")
        finally:
            show()
    except VlnbError as error:
        if not json:
            error.args = (str(error).replace("in this error's .partial", "printed above"),)
        raise
    reply = stream.reply
    if reply.boxes and reply.seen_sizes[0] != reply.pictures[0].original_size:  # the boxes are in pixels of a copy
        for box in reply.boxes[:_MAX_BOXES]:
            say(f"in pixels of your picture: {[round(side) for side in box.corners]} {box.label or box.text}")
    say(reply.summary)
    return 0


def _opened(name: str, pages: tuple[int, ...]) -> list[images.Picture | video.Clip]:
    """Return the clip of a video, or the pages of a picture or document, and print the notes on them."""
    from vlnb import images, video

    if video.is_video(name):
        if pages != (1,):
            raise BadInput(f"{name} is a video, which has no pages: leave --page out.")
        clip = video.frames(name)
        say(clip)
        return [clip]
    pictures = [images.load(sys.stdin.buffer if name == STDIN else name, page=page) for page in pages]
    for picture in pictures:
        for note in picture.notes:
            say(f"{picture.source}: {note}")
    return [*pictures]


def serve(*, port: Port = 30000, host: str = "127.0.0.1") -> int:
    """Run the embedded engine as a server.

    Parameters
    ----------
    port
        Port to listen on; 0 takes a free one.
    host
        Address to listen on; any but this machine's own needs VLNB_API_KEY.
    """
    from vlnb import extras

    extras.require("engine", "The embedded engine")
    from vlnb.embedded.serve import serve as run

    run(host, port, api_key=os.environ.get("VLNB_API_KEY") or None)
    return 0


def doctor(log: str | None = None, /, *, json: bool = False) -> int:
    """Report which server would answer and what is missing here, or why a server failed.

    Parameters
    ----------
    log
        Log of a failed server to diagnose (- for standard input).
    json
        Print the findings as JSON.
    """
    if log:
        return _diagnose(log, as_json=json)
    from vlnb import doctor as checks

    findings = checks.examine()
    if json:
        show_json([vars(finding) for finding in findings])
    else:
        show("\n".join(map(str, findings)))
    return 0 if all(finding.ok for finding in findings) else 1


def _diagnose(path: str, *, as_json: bool) -> int:
    from vlnb.launch import diagnose, logs

    try:
        log, note = logs.read(0 if path == STDIN else Path(path))
    except OSError as error:
        raise BadInput(f"The log {path} cannot be read: {error.strerror or error}.") from error
    if note:
        say(f"vlnb: {note}")
    diagnoses = diagnose(log)
    if as_json:
        show_json([vars(diagnosis) for diagnosis in diagnoses])
    else:
        show("\n".join(map(str, diagnoses)) or "The server in this log came up; nothing is wrong with it.")
    return 1 if diagnoses else 0
