"""Exported code runs as pasted, takes the key from the environment, and sends what the playground sent."""

import contextlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

import vlnb
from tests.playground.conftest import TOTALS, keep_picture
from vlnb import samples
from vlnb.playground import FORMATS, Attachment, Question, Turn, export

KEY = "sk-canary-4242424242"
NASTY = 'It\'s "5 $HOME `id` $(id) \\n €\nJSON\n{"bbox_2d": [1]} $x ${ %s data:image/png;base64,AAAA {{'
TOTAL = '{"type": "object", "properties": {"total": {"type": "number"}}}'
BOXES = '[{"bbox_2d": [100, 100, 300, 160], "label": "total"}]'


@pytest.fixture
def recorder():
    """A server that records every body and key that it receives; a test can change its answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.reply(b'{"data": [{"id": "m"}]}', "application/json")

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.server.received.append((body, self.headers.get("authorization")))
            self.server.organizations.add(self.headers.get("openai-organization"))
            chunk = {"choices": [{"delta": {"content": self.server.answer}, "finish_reason": "stop"}]}
            self.reply(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream")

        def reply(self, data, kind):
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.answer, server.organizations = [], "17,000", set()
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def run_alone(form, code, folder):
    """Run code as a person who pastes it: in a separate process, with the key in its environment."""
    file = folder / ("test_it.py" if form == "test" else f"{form}.txt")
    file.write_text(code)
    commands = {"curl": ["sh"], "test": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]}
    return subprocess.run(
        [*commands.get(form, [sys.executable]), file],
        capture_output=True, text=True, env={**os.environ, "VLNB_API_KEY": KEY}, cwd=folder, check=False,
    )  # fmt: skip


def run_here(code):
    """Run Python code in this process, which is faster, and call each test in it."""
    names = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "pasted", "exec"), names)
        for name, function in names.items():
            if name.startswith("test_"):
                function()


def questions(history, picture):
    region = keep_picture(history, picture, region=(20, 40, 500, 700))
    whole = replace(region, crop=False)
    clip = Attachment(history.keep(samples.clip(2, words=1, seed=1).data, ".mp4").stem, "It's a clip.mp4")
    return {
        "crop": Question(
            "Read {what}", (region,), {"what": "all"}, system="Be brief.", temperature=0.5, max_pixels=200_000
        ),
        "coordinates": Question(NASTY, (whole,)),
        "frames": Question("When?", (clip,)),
        "video": Question("When?", (clip,), way="video_url"),
        "conversation": Question("And?", (whole,), before=(Turn("Read", (region,), "It's 1"),)),
        "schema": Question(
            "Fill in", (whole,), schema='{"type": "object", "properties": {"total": {"type": "number"}}}'
        ),
    }


@pytest.mark.parametrize("kind", ["crop", "coordinates", "frames", "video", "conversation", "schema"])
def test_each_export_sends_what_the_playground_sent(recorder, asker, receipt, tmp_path, kind, monkeypatch):
    monkeypatch.setenv("VLNB_API_KEY", KEY)
    recorder.answer = '{"total": "17,000"}' if kind == "schema" else "17,000 $"
    endpoint = vlnb.Endpoint(recorder.url, "m", api_key=KEY)
    run = asker.ask(endpoint, questions(asker.history, receipt.picture)[kind])
    assert run.state == "done", run.error
    for form in FORMATS:
        code = export(run, asker.history, form)
        assert KEY not in code
        assert "base64," not in code.replace("base64,AAAA", "").replace("base64,{", "").replace("base64,$(", "")
        if kind == "crop" or form == "curl":
            completed = run_alone(form, code, tmp_path)
            assert completed.returncode == 0, completed.stdout + completed.stderr
        else:
            run_here(code)
    (panel, *exported) = recorder.received
    assert len(exported) == len(FORMATS)
    for form, request in zip(FORMATS, exported, strict=True):
        assert request == panel, form
    assert panel[1] == f"Bearer {KEY}"


@pytest.mark.parametrize("form", ["python", "curl"])
def test_an_export_sends_the_keys_of_the_environment_only_to_their_own_servers(
    recorder, asker, receipt, tmp_path, form, monkeypatch
):
    monkeypatch.setenv("VLNB_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    run = asker.ask(vlnb.Endpoint(recorder.url, "m"), questions(asker.history, receipt.picture)["crop"])
    code = export(run, asker.history, form)
    assert "VLNB_API_KEY is not sent" in code
    assert run_alone(form, code, tmp_path).returncode == 0
    assert [key for _, key in recorder.received] == [None, "Bearer EMPTY"]
    assert recorder.organizations == {None}


@pytest.mark.parametrize(
    ("answer", "changed"),
    [
        ("It is 17,000.", "It is 17,001."),
        (BOXES, BOXES.replace("300", "200")),
        (BOXES, BOXES.replace("total", "sum")),
        (BOXES, "[]"),
        ('{"total": "17,000"}', '{"total": "18,000"}'),
    ],
)
def test_an_exported_test_fails_when_the_answer_changes(recorder, asker, receipt, answer, changed):
    recorder.answer = answer
    picture, schema = keep_picture(asker.history, receipt.picture), TOTAL if answer.startswith("{") else ""
    run = asker.ask(vlnb.Endpoint(recorder.url, "m"), Question("Where is the total?", (picture,), schema=schema))
    code = export(run, asker.history, "test")
    run_here(code)
    recorder.answer = changed
    with pytest.raises(AssertionError):
        run_here(code)


def test_an_exported_test_passes_for_texts_and_missing_values(recorder, asker, receipt):
    recorder.answer = '{"shop": "Aunt\'s", "total": 17000, "tip": null}'
    schema = '{"type": "object", "properties": {"shop": {}, "total": {"type": "number"}, "tip": {}}}'
    picture = keep_picture(asker.history, receipt.picture)
    run = asker.ask(vlnb.Endpoint(recorder.url, "m"), Question("Fill in", (picture,), schema=schema))
    code = export(run, asker.history, "test")
    run_here(code)
    recorder.answer = recorder.answer.replace("Aunt", "Uncle")
    with pytest.raises(AssertionError):
        run_here(code)


def test_an_exported_test_has_a_tolerance_but_rejects_another_picture(recorder, asker, receipt):
    recorder.answer = BOXES
    picture = keep_picture(asker.history, receipt.picture)
    run = asker.ask(vlnb.Endpoint(recorder.url, "m"), Question("Where?", (picture,)))
    code = export(run, asker.history, "test")
    recorder.answer = BOXES.replace("300", "290")
    run_here(code)
    asker.history.path(picture).write_bytes(b"x")
    with pytest.raises(AssertionError, match="is another picture"):
        run_here(code)


def test_an_export_needs_its_picture_and_a_test_also_an_answer(asker, receipt):
    picture = keep_picture(asker.history, receipt.picture)
    run = asker.ask(vlnb.Endpoint("http://127.0.0.1:1/v1", "m"), Question("Where?", (picture,)))
    with pytest.raises(vlnb.BadInput, match="no whole answer to expect"):
        export(run, asker.history, "test")
    with pytest.raises(vlnb.BadInput, match=r"Unknown format 'java'\. Choose python, curl, cell, test"):
        export(run, asker.history, "java")
    asker.history.path(picture).unlink()
    for form in ("python", "curl", "cell"):
        with pytest.raises(vlnb.BadInput, match="no longer in the history"):
            export(run, asker.history, form)


def test_an_export_for_the_embedded_engine_makes_a_new_connection(asker, endpoint, receipt):
    run = asker.ask(
        endpoint, Question("What is the cash?", (keep_picture(asker.history, receipt.picture.crop(TOTALS)),))
    )
    assert "vlnb.connect()" in export(run, asker.history, "cell")
    for form in ("python", "curl"):
        assert export(run, asker.history, form).startswith("# The embedded engine answered, at a temporary address")
