"""The command line of vlnb. Results go to standard output, everything else to standard error.

Exit status: 0 success, 1 failure (one sentence on standard error), 2 wrong usage.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError, Parameter
from cyclopts.help import PlainFormatter

from vlnb import commands
from vlnb._version import __version__
from vlnb.commands import STDIN, agent, ask, batch, bench, check, extract, launch, mmmu, router, sample, say, video
from vlnb.errors import VlnbError

if TYPE_CHECKING:
    from rich.console import Console

_MISSING = re.compile(r'Command "(.+)" parameter (\S+) requires an argument\.')
_SUGGESTED = re.compile(r"(Unknown option: --(\S+)\.) Did you mean --(\S+)\?")
_SIMILAR = 0.6  # cyclopts takes as much, but counts the hyphens before the name


def _default(value: object) -> object:
    return " ".join(map(str, value)) or "none" if isinstance(value, tuple) else value


class _Help(PlainFormatter):
    """Wraps help between words at the width of the terminal, and indents the continuation lines of an option."""

    def _print_plain(self, console: Console, text: str) -> None:
        first, further = (self.indent, 3 * self.indent) if text.startswith(self.indent) else ("", "")
        paragraphs = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))
        wrap = textwrap.TextWrapper(console.width, first, further, break_on_hyphens=False)
        super()._print_plain(console, "\n\n".join(map(wrap.fill, paragraphs)))


app = App(
    name="vlnb",
    help="Ask Qwen2.5-VL, or the embedded engine, about pictures; plan, launch and measure its server.",
    help_epilogue="VLNB_BASE_URL names the server to ask, such as http://127.0.0.1:30000/v1; without it the embedded"
    " engine answers. VLNB_API_KEY is its key, VLNB_MODEL its model.",
    version=__version__,
    help_formatter=_Help(),
    help_format="plaintext",  # importing markdown takes as long as everything else
    default_parameter=Parameter(negative="", consume_multiple=True, show_default=_default),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for command in (ask.ask, extract.extract, sample.sample, ask.serve, launch.plan, launch.launch, launch.stop):
    app.command(command)
for other in (agent.agent, ask.doctor, batch.batch, router.router, check.check, bench.app, mmmu.app, video.app):
    app.command(other)


def _usage_error(error: CycloptsError, words: Sequence[str]) -> str:
    """Return a sentence on what is wrong with the words of a command."""
    if unused := re.fullmatch(r"Unused Tokens: \[(.+)\]\.", str(error)):
        return f"The command takes nothing like {unused[1]}."
    if (missing := _MISSING.fullmatch(str(error))) and missing[2] in words:
        return f"{missing[2]} needs a value."
    if (found := _SUGGESTED.fullmatch(str(error))) and SequenceMatcher(None, found[2], found[3]).ratio() < _SIMILAR:
        return found[1]
    return _MISSING.sub(r"\1 needs \2. For an example: vlnb \1 --help", str(error))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    words = [STDIN if word == "-" else word for word in (sys.argv[1:] if argv is None else argv)]
    try:
        return app(words, exit_on_error=False, print_error=False) or 0
    except CycloptsError as error:
        message = _usage_error(error, words)
        say(f"vlnb: {message}\nvlnb --help lists the commands; vlnb COMMAND --help lists the options of one.")
        return 2
    except VlnbError as error:
        say(f"vlnb: {commands.plain(error)}")
        return 1
    except BrokenPipeError:  # the reader of our output has ended: `vlnb ask … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # such as a name that is too long
        say(f"vlnb: {error.strerror or error}: {error.filename or 'a file'}")
        return 1
