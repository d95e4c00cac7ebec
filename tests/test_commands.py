"""What all commands share: progress in pipes and terminals, and the start of the embedded engine."""

import sys
from pathlib import Path

import pytest

from vlnb import BadInput, commands


def test_progress_in_a_pipe_is_limited_to_occasional_lines(monkeypatch, capsys):
    monkeypatch.setattr(commands, "_PIPE_S", 0.0)
    commands.progress("1 of 9")
    monkeypatch.setattr(commands, "_PIPE_S", 60.0)
    commands.progress("2 of 9")
    assert capsys.readouterr().err == "1 of 9\n"


def test_progress_in_a_terminal_rewrites_one_line_and_ends_before_a_message(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    for line in ("preparing request 17 of 21", "2 of 9"):
        commands.progress(line)
    commands.say("done")
    commands.say("stored")
    assert capsys.readouterr().err == f"\r{'preparing request 1'}\r{'2 of 9':<19}\ndone\nstored\n"


@pytest.mark.parametrize("path", [".", "..", "/"])
def test_a_folder_is_not_overwritten_by_a_file(path):
    with pytest.raises(BadInput, match="cannot be written"):
        commands.write(Path(path), "text")


def test_commands_announce_that_the_embedded_engine_is_starting(capsys):
    assert commands.server(None, None).is_embedded
    announcement, server_notice = capsys.readouterr().err.splitlines()
    assert announcement == "starting the embedded engine …"
    assert server_notice.startswith("No GPU server found.")
