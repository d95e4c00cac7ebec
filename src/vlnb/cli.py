"""vlnb on the command line. Answers go to standard output, everything else to standard error.

Exit status: 0 done, 1 it failed (one sentence on standard error), 2 wrong use.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence

from vlnb import __version__
from vlnb.errors import VlnbError

_ENVIRONMENT = """environment:
  VLNB_BASE_URL  the server to ask, such as http://127.0.0.1:30000/v1; without it the embedded engine answers
  VLNB_API_KEY   its key, if it wants one
  VLNB_MODEL     its model, if it has several
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except VlnbError as error:
        _say(f"vlnb: {error}")
        return 1
    except KeyboardInterrupt:
        _say("vlnb: stopped.")
        return 1
    except BrokenPipeError:  # the reader of our output has gone: `vlnb ask … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vlnb",
        description="Ask Qwen2.5-VL, or the embedded engine, about pictures.",
        epilog=_ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"vlnb {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    ask = commands.add_parser("ask", help="ask a question about pictures", allow_abbrev=False)
    ask.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="path or address of a picture or PDF; - for standard input"
    )
    ask.add_argument("question", help='such as "What is the grand total?"')
    ask.add_argument("--json", action="store_true", help="print the whole reply as one JSON object")
    ask.add_argument("--url", metavar="URL", help="the server to ask (instead of VLNB_BASE_URL)")
    ask.add_argument("--model", metavar="NAME", help="the model to ask (instead of VLNB_MODEL)")
    ask.add_argument("--max-tokens", type=_positive, default=2048, metavar="N", help="longest answer, in tokens (2048)")
    ask.add_argument("--page", type=_positive, default=1, metavar="N", help="page of a PDF (1)")
    ask.add_argument(
        "--timeout", type=_seconds, default=600.0, metavar="S", help="longest wait for the answer, in seconds (600)"
    )
    ask.set_defaults(command=_ask)

    serve = commands.add_parser("serve", help="run the embedded engine as a server", allow_abbrev=False)
    serve.add_argument(
        "--port", type=_port, default=30000, metavar="P", help="port to listen on; 0 takes a free one (30000)"
    )
    serve.add_argument(
        "--host", default="127.0.0.1", metavar="H", help="address to listen on; others need VLNB_API_KEY (127.0.0.1)"
    )
    serve.set_defaults(command=_serve)

    doctor = commands.add_parser(
        "doctor", help="which server would answer, and what is missing here", allow_abbrev=False
    )
    doctor.add_argument("--json", action="store_true", help="print the findings as one JSON object")
    doctor.set_defaults(command=_doctor)
    return parser


def _ask(arguments: argparse.Namespace) -> int:
    from vlnb import images
    from vlnb.endpoint import connect

    # Pictures first: a wrong path should be told at once, not after a server was found.
    pictures = [
        images.load(sys.stdin.buffer if name == "-" else name, page=arguments.page) for name in arguments.pictures
    ]
    for picture in pictures:
        for note in picture.notes:
            _say(f"{picture.source}: {note}")
    endpoint = connect(arguments.url, model=arguments.model, announce=_say)
    stream = endpoint.stream(
        arguments.question,
        *pictures,
        max_tokens=arguments.max_tokens,
        first_token_s=arguments.timeout,
        total_s=arguments.timeout,
    )
    if arguments.json:
        print(json.dumps(stream.reply.as_dict(), ensure_ascii=False, indent=2))
        return 0
    try:
        for piece in stream:
            print(piece, end="", flush=True)
    finally:
        print(flush=True)
    _say(stream.reply.summary)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from vlnb.embedded.server import serve

    serve(arguments.host, arguments.port, api_key=os.environ.get("VLNB_API_KEY") or None)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from vlnb import doctor

    findings = doctor.examine()
    if arguments.json:
        print(json.dumps([finding.as_dict() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(finding)
    return 0 if all(finding.ok for finding in findings) else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:  # noqa: PLR2004
        raise ValueError
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError
    return seconds


_positive.__name__, _port.__name__, _seconds.__name__ = "number", "port", "number of seconds"  # argparse shows them
