"""Text from a server, a file or a model never controls the terminal that shows it."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vlnb
from vlnb import cli, commands
from vlnb.commands import progress, say, show
from vlnb.terminal import printable

NASTY = "\x1b]52;c;aGVsbG8=\x07\x1b[2J\x1b]0;title\x07\x9b31m\x00\x08\r\u202e"


@given(st.text())
def test_only_printable_text_is_kept_in_its_order(text):
    kept = printable(text)
    assert all(char in "\n\t" or char.isprintable() or ord(char) > 0x9F for char in kept)
    assert printable(kept) == kept
    rest = iter(text)
    assert all(char in rest for char in kept)


@pytest.mark.parametrize("text", ["17,000", "tab\tand\nnewline", "日本語", "naïve – “quoted”", "עברית", "👩‍🍳"])
def test_ordinary_text_is_unchanged(text):
    assert printable(text) == text


def test_show_say_and_progress_remove_control_characters(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(commands, "_open", False)
    show(NASTY + "a", end="")
    say(NASTY + "b")
    progress(NASTY + "c")
    out, err = capsys.readouterr()
    assert out == printable(NASTY) + "a"
    assert not set(out + err) & set(NASTY.replace("\r", "")) & set("\x1b\x07\x9b\x00\x08\u202e")
    assert err.count("\r") == 1, "progress writes one carriage return of its own"


def chunk(text):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
    event = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": f"m{NASTY}", "choices": [choice]}
    return b"data: " + json.dumps(event).encode() + b"\n\ndata: [DONE]\n\n"


def test_control_characters_from_a_server_never_reach_the_terminal(raw_server, capsys, receipt, tmp_path):
    """A hostile server sends them in the model's name, in the answer and in an error message."""
    picture = tmp_path / "receipt.png"
    receipt.picture.image.save(picture)
    answers = [json.dumps({"data": [{"id": f"m{NASTY}"}]}).encode(), chunk(f"17,000{NASTY}")]

    def script(connection):
        body = answers.pop(0) if answers else None
        status = "200 OK" if body else "400 Bad Request"
        body = body or json.dumps({"error": {"message": f"no{NASTY}"}}).encode()
        connection.sendall(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

    address = raw_server(script)
    assert cli.main(["ask", str(picture), "total?", "--url", address]) == 0
    assert cli.main(["ask", str(picture), "total?", "--url", address]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("17,000")
    assert "no" in err
    assert not set(out + err) & set("\x1b\x07\x9b\x00\x08\r\u202e")


def test_errors_and_replies_are_safe_to_show_in_a_python_shell():
    assert "\x1b" not in str(vlnb.BadInput(NASTY))
    reply = vlnb.Reply(NASTY, NASTY, "s", "stop", 0, 0)
    assert "\x1b" not in reply._repr_mimebundle_()["text/plain"]
    assert reply.text == NASTY, "the text itself stays unchanged"
