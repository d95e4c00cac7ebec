"""vlnb on the command line. Answers go to standard output, everything else to standard error.

Exit status: 0 done, 1 it failed (one sentence on standard error), 2 wrong use.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vlnb._version import __version__
from vlnb.commands import bench, check, mmmu, say, show
from vlnb.errors import BadInput, VlnbError

if TYPE_CHECKING:
    from vlnb.launch import Plan, Status

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
        say(f"vlnb: {error}")
        return 1
    except KeyboardInterrupt:
        say("vlnb: stopped.")
        return 1
    except BrokenPipeError:  # the reader of our output has gone: `vlnb ask … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vlnb",
        description="Ask Qwen2.5-VL, or the embedded engine, about pictures; plan and launch its server.",
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

    plan = commands.add_parser("plan", help="the command that serves a model size on a GPU", allow_abbrev=False)
    _plan_arguments(plan)
    forms = ["shell", "docker", "compose", "kubernetes"]
    plan.add_argument("--as", dest="form", default="shell", choices=forms, help="form of the command (shell)")
    plan.set_defaults(command=_plan)

    launch = commands.add_parser("launch", help="start a server here, and wait until it is ready", allow_abbrev=False)
    _plan_arguments(launch)
    launch.add_argument("--python", default="python", metavar="EXE", help="the Python that has SGLang (python)")
    launch.add_argument("--force", action="store_true", help="start although this machine does not suit the plan")
    launch.set_defaults(command=_launch)

    stop = commands.add_parser("stop", help="stop the servers that were launched from here", allow_abbrev=False)
    stop.add_argument("--port", type=_port, metavar="P", help="stop the one at this port alone")
    stop.set_defaults(command=_stop)

    doctor = commands.add_parser(
        "doctor", help="which server would answer, and what is missing here", allow_abbrev=False
    )
    doctor.add_argument(
        "log", nargs="?", metavar="LOGFILE", help="a server's log: why did it fail? - for standard input"
    )
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.set_defaults(command=_doctor)
    for module in (bench, mmmu, check):
        module.add(commands)
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
            say(f"{picture.source}: {note}")
    endpoint = connect(arguments.url, model=arguments.model, announce=say)
    stream = endpoint.stream(
        arguments.question,
        *pictures,
        max_tokens=arguments.max_tokens,
        first_token_s=arguments.timeout,
        total_s=arguments.timeout,
    )
    if arguments.json:
        show(json.dumps(stream.reply.as_dict(), ensure_ascii=False, indent=2))
        return 0
    try:
        for piece in stream:
            show(piece, end="")
    finally:
        show()
    say(stream.reply.summary)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from vlnb.embedded.serve import serve

    serve(arguments.host, arguments.port, api_key=os.environ.get("VLNB_API_KEY") or None)
    return 0


def _plan_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gpu", required=True, help="MI300X, MI325X or MI355X")
    parser.add_argument("--size", required=True, help="3B, 7B, 32B or 72B")
    parser.add_argument("--gpus", type=_positive, metavar="N", help="how many GPUs to use (as the cookbook does)")
    parser.add_argument("--tp", type=_positive, metavar="N", help="tensor parallel size (the widest that works)")
    parser.add_argument("--context-length", type=_positive, metavar="N", help="longest request, in tokens (128000)")
    parser.add_argument("--mem-fraction", type=_seconds, metavar="F", help="--mem-fraction-static (SGLang's own)")
    parser.add_argument(
        "--goal", default="latency", choices=["latency", "throughput"], help="what several GPUs are for (latency)"
    )
    parser.add_argument("--sglang", default="0.5.6", metavar="V", help="version, which names the image (0.5.6)")
    parser.add_argument("--port", type=_port, default=30000, metavar="P", help="port to serve on (30000)")
    parser.add_argument("--model-path", metavar="DIR", help="a local folder with the model, in place of the hub")


def _chosen(arguments: argparse.Namespace) -> Plan:
    from vlnb.launch import memory, plan

    chosen = plan(
        arguments.gpu,
        arguments.size,
        gpus=arguments.gpus,
        tp=arguments.tp,
        context_length=arguments.context_length,
        mem_fraction=arguments.mem_fraction,
        goal=arguments.goal,
        sglang=arguments.sglang,
    )
    say(chosen.mark)
    for flag in chosen.flags:
        say(f"  {flag.name} {flag.value}: {flag.reason}")
    for warning in chosen.warnings:
        say(f"  note: {warning}")
    say(str(memory(chosen)))
    return chosen


def _plan(arguments: argparse.Namespace) -> int:
    from vlnb.launch import render

    chosen = _chosen(arguments)
    show(render(chosen, arguments.form, port=arguments.port, model_path=arguments.model_path), end="")
    return 0


def _launch(arguments: argparse.Namespace) -> int:
    from vlnb.launch import preflight, start

    chosen = _chosen(arguments)
    problems = preflight(chosen)
    for problem in problems:
        say(f"vlnb: {problem}")
    if problems and not arguments.force:
        say("vlnb: not started; correct this, or start all the same with --force.")
        return 1
    command = chosen.argv(python=arguments.python, port=arguments.port, model_path=arguments.model_path)
    server = start(command, port=arguments.port)
    say(f"started; its log is {server.log}")
    shown = ""

    def watch(status: Status, elapsed_s: float) -> None:
        nonlocal shown
        if str(status.progress) != shown:
            shown = str(status.progress)
            say(f"{elapsed_s:6.0f} s  {shown}")

    server.wait(watch=watch)
    show(server.base_url)
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    from vlnb.launch import servers

    chosen = [server for server in servers() if arguments.port in {None, server.port}]
    if not chosen:
        where = "" if arguments.port is None else f" at port {arguments.port}"
        say(f"vlnb: no server that was launched from here is running{where}.")
        return 1
    status = 0
    for server in chosen:
        try:
            server.stop()
            say(f"stopped {server.base_url}")
        except VlnbError as error:
            say(f"vlnb: {error}")
            status = 1
    return status


def _diagnose(path: str, *, as_json: bool) -> int:
    from vlnb.launch import diagnose, logs

    try:
        log, note = logs.read(0 if path == "-" else Path(path))
    except OSError as error:
        raise BadInput(f"The log {path} cannot be read: {error.strerror or error}.") from error
    if note:
        say(f"vlnb: {note}")
    found = diagnose(log)
    if as_json:
        show(json.dumps([diagnosis.as_dict() for diagnosis in found], indent=2, ensure_ascii=False))
    else:
        show("\n".join(map(str, found)) or "The server in this log came up; nothing is wrong with it.")
    return 1 if found else 0


def _doctor(arguments: argparse.Namespace) -> int:
    if arguments.log:
        return _diagnose(arguments.log, as_json=arguments.json)
    from vlnb import doctor

    findings = doctor.examine()
    if arguments.json:
        show(json.dumps([finding.as_dict() for finding in findings], indent=2))
    else:
        for finding in findings:
            show(finding)
    return 0 if all(finding.ok for finding in findings) else 1


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
