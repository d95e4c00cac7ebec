"""vlnb on the command line: what goes to which stream, and the exit status."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import openai
import pytest
from PIL import Image

import vlnb
from vlnb import cli, extras, samples
from vlnb.commands import extract
from vlnb.endpoint.reply import Reply
from vlnb.endpoint.typed import typed_reply
from vlnb.typed import Form

ROOT = Path(__file__).parent.parent
VLNB = [sys.executable, "-m", "vlnb"]


@pytest.fixture
def receipt_png(receipt, tmp_path):
    path = tmp_path / "my receipt.png"
    receipt.picture.image.save(path)
    return str(path)


def test_the_answer_alone_on_standard_output(receipt_png, receipt, engine, monkeypatch, capsys):
    monkeypatch.setenv("VLNB_BASE_URL", engine.base_url)
    assert cli.main(["ask", receipt_png, "Read all the text in the image."]) == 0
    out, err = capsys.readouterr()
    assert out == "\n".join(receipt.truth.lines) + "\n"
    assert err.startswith(f"Connected to {engine.base_url}")
    assert "first token" in err


def test_json_is_the_whole_reply(receipt_png, engine, capsys):
    assert cli.main(["ask", receipt_png, "What is the grand total?", "--json", "--url", engine.base_url]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert reply["text"].startswith("17,000")
    assert reply["boxes"][0]["x1"] > 400
    assert set(reply) == {"text", "model", "server", "finish_reason", "ttft_s", "latency_s", "usage", "note", "boxes"}


def test_several_pictures_and_a_note_about_one(receipt_png, engine, tmp_path, capsys):
    Image.new("RGBA", (60, 40)).save(tmp_path / "glass.png")
    pictures = [str(tmp_path / "glass.png"), receipt_png]
    assert cli.main(["ask", *pictures, "What is the cash?", "--url", engine.base_url]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("20,000\n")
    assert "glass.png: transparency laid on white" in err


FAILURES = [
    (["ask", "no-such.png", "Read"], "There is no file no-such.png"),
    (["ask", "{receipt}", "Read", "--url", "http://127.0.0.1:1"], "Nothing answers at http://127.0.0.1:1/v1"),
    (["ask", "{receipt}", "Read", "--url", "two words"], "not the address of a server"),
    (["ask", "{receipt}", "Read", "--page", "2"], "page 2 does not exist"),
    (["serve", "--host", "0.0.0.0"], "VLNB_API_KEY"),
    (["ask"], "Give a picture and then a question"),
    (["ask", "a.png"], "Give a picture and then a question"),
]


@pytest.mark.parametrize(("arguments", "words"), FAILURES)
def test_a_failure_is_one_sentence_and_status_1(arguments, words, receipt_png, capsys):
    assert cli.main([a.format(receipt=receipt_png) for a in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vlnb: ")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "a", "b", "--max-tokens", "0"],
        ["serve", "--port", "70000"],
        ["sing"],
        ["ask", "a", "b", "--js"],
        ["extract", "a.png"],
    ],
)
def test_wrong_use_is_status_2(arguments, capsys):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vlnb: ")
    assert "vlnb --help" in err


def test_boxes_are_told_in_pixels_of_the_picture_too(receipt_png, receipt, engine, capsys):
    asked = ["ask", receipt_png, "What is the grand total?", "--url", engine.base_url, "--max-pixels", "200000"]
    assert cli.main(asked) == 0
    out, err = capsys.readouterr()
    (said,) = re.findall(r"in pixels of your picture: \[(.*)\] right of", err)
    assert said not in out, "the answer has the pixels of the copy that the model saw"
    found = vlnb.regions.Box(*map(float, said.split(",")))
    assert vlnb.regions.iou(found, receipt.truth.fields["grand_total"]) > 0.7


def test_a_missing_argument_is_named_with_its_command(capsys):
    assert cli.main(["bench", "resume"]) == 2
    assert "bench resume needs FOLDER. For an example: vlnb bench resume --help" in capsys.readouterr().err


def test_a_value_that_is_missing_and_words_that_are_too_many(capsys):
    assert cli.main(["ask", "a.png", "What is it?", "--url"]) == 2
    assert "vlnb: --url needs a value." in capsys.readouterr().err
    assert cli.main(["check", "a.png"]) == 2
    assert "vlnb: The command takes nothing like 'a.png'." in capsys.readouterr().err


def test_the_arguments_of_the_agent_in_the_wrong_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("page.html").write_text("<h1>Tea</h1>")
    assert cli.main(["agent", "Click Tea.", "page.html"]) == 1
    assert 'The address comes first: vlnb agent page.html "Click Tea."' in capsys.readouterr().err


def test_a_schema_that_is_no_object(receipt_png, tmp_path, capsys):
    (tmp_path / "list.json").write_text("[1, 2]")
    assert cli.main(["extract", receipt_png, "--schema", str(tmp_path / "list.json")]) == 1
    assert "list.json is not a JSON schema, which begins like" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["plan"], ["bench", "run"], ["batch"]])
def test_help_wraps_between_words_and_indents_the_further_lines_of_an_option(command):
    narrow = {**os.environ, "COLUMNS": "50"}
    out = subprocess.run([*VLNB, *command, "--help"], capture_output=True, text=True, env=narrow, check=True).stdout
    listed = out.partition("\n\n\n")[0].partition("Commands:\n" if not command else "Parameters:\n")[2].splitlines()
    assert max(map(len, out.splitlines())) <= 50
    assert {len(line) - len(line.lstrip()) for line in listed} == {2, 6}
    assert not re.search(r"\S {2,}", out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sing"], 'Unknown command "sing"'),
        (["bench", "rum"], 'Did you mean "run"?'),
        (["ask", "a", "b", "--js"], "Did you mean --json?"),
        (["serve", "--port", "70000"], "--port"),
        (["plan", "--gpu", "MI300X", "--size", "7B", "--mem-fraction", "x"], "--mem-fraction"),
        (["plan", "--gpu", "MI300X", "--size", "7B", "--mem-fraction", "2"], "--mem-fraction"),
    ],
)
def test_wrong_use_names_the_option_and_what_was_meant(arguments, words, capsys):
    assert cli.main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"), [("--prompts", "0"), ("--range-ratio", "2.0"), ("--ramp-s", "-1.0"), ("--rate", "0.0")]
)
def test_what_the_package_refuses_is_named_as_the_option(option, value, capsys):
    assert cli.main(["bench", "run", option, value]) in (1, 2)
    assert f"{option} {value} must be" in capsys.readouterr().err


def test_without_a_command_it_says_what_there_is(capsys):
    assert cli.main([]) == 0
    assert "bench" in capsys.readouterr().out


def typed_in_the_readme():
    """The commands of the README's block, each with those that its comment adds ("also: resume, compare")."""
    text = (ROOT / "README.md").read_text()
    for line in re.findall(r"^vlnb .*", text, flags=re.MULTILINE):
        command, _, comment = line.partition("  #")
        yield command.strip(), re.findall(r"\w+", comment.partition("also: ")[2])


def test_the_readme_names_every_command_and_no_other():
    named = set(re.findall(r"`vlnb ([a-z]+)[^`]*`", (ROOT / "README.md").read_text()))
    for command, also in typed_in_the_readme():
        _, name, *rest = command.split()
        inside = [one for one in rest[:1] if one in cli.app[name]] + also
        named |= {f"{name} {one}" for one in inside} or {name}
    there = set()
    for name in (name for name in cli.app if not name.startswith("-")):
        inner = {one for one in cli.app[name] if not one.startswith("-")}
        there |= {f"{name} {one}" for one in inner} or {name}
    assert named == there


def test_every_command_of_the_readme_works_as_typed(tmp_path, engine):
    """In this order and in one folder, as a reader types them, against a server that runs already."""
    environment = {**os.environ, "VLNB_BASE_URL": engine.base_url, "VLNB_RUNS": str(tmp_path / "runs")}
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    said = {}
    for command, _ in typed_in_the_readme():
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
        )
        said[command.split()[1]] = done.stdout + done.stderr
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert "17,000" in said["ask"]
    assert (tmp_path / "receipt.jpg").is_file()
    assert {path.parts[-3] for path in tmp_path.glob("runs/*/*/manifest.json")} == {"bench", "mmmu"}


def test_the_python_of_the_readme_works_as_typed(engine, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("VLNB_BASE_URL", engine.base_url)
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    *before, last = block.strip().splitlines()
    names = {}
    exec("\n".join(before), names)
    assert eval(last, names).text.startswith("17,000")


def test_a_picture_from_standard_input_through_a_pipe(receipt_png, engine):
    with Path(receipt_png).open("rb") as picture:
        done = subprocess.run(
            [*VLNB, "ask", "-", "What is the cash?", "--url", engine.base_url],
            stdin=picture,
            check=False,
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "20,000")


def test_a_reader_that_goes_away_is_no_traceback(receipt_png, engine):
    command = " ".join(map(repr, [*VLNB, "ask", receipt_png, "Read all the text", "--url", engine.base_url]))
    done = subprocess.run(f"{command} | true", shell=True, check=False, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_serve_says_where_and_stops_on_ctrl_c(receipt):
    server = subprocess.Popen(
        [*VLNB, "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = server.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
        with openai.OpenAI(base_url=url, api_key="EMPTY") as client:
            assert client.models.list().data[0].id == "vlnb-embedded-ocr"
    finally:
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=20)
    assert "Traceback" not in err
    assert server.returncode in (0, 1)


def test_serve_on_a_port_in_use(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli.main(["serve", "--port", str(taken.getsockname()[1])]) == 1
    assert "choose another with --port" in capsys.readouterr().err


def test_ctrl_c_while_waiting_is_one_word(receipt_png):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        asking = subprocess.Popen([*VLNB, "ask", receipt_png, "Read", "--url", url], stderr=subprocess.PIPE, text=True)
        silent.settimeout(60)
        with silent.accept()[0]:
            asking.send_signal(signal.SIGINT)
            asking.wait(20)
        _, err = asking.communicate(timeout=20)
    assert err == "vlnb: stopped.\n"
    assert asking.returncode == 1


def test_ctrl_c_during_the_imports_is_one_word_too(tmp_path):
    (tmp_path / "cyclopts.py").write_text("raise KeyboardInterrupt")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    script = [Path(sys.executable).with_name("vlnb")]
    for command in (VLNB, script):
        done = subprocess.run([*command, "doctor"], env=environment, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (1, "vlnb: stopped.\n")


def test_doctor_on_a_sound_machine(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "the embedded engine would answer" in out
    assert "onnxruntime" in out
    assert "PROBLEM" not in out
    assert "optional  gpus: No AMD GPU was found" in out
    for words in ("GiB available", "GiB free for models", "30000 free (SGLang)"):
        assert words in out


def test_doctor_names_the_problem(monkeypatch, capsys):
    monkeypatch.setenv("VLNB_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("VLNB_API_KEY", "hunter2-hunter2")
    known = extras.version
    monkeypatch.setattr(extras, "version", lambda package: None if package == "scipy" else known(package))
    assert cli.main(["doctor", "--json"]) == 1
    text = capsys.readouterr().out
    assert "hunter2" not in text
    findings = {finding["name"]: finding for finding in json.loads(text)}
    assert findings["server"]["state"] == "problem"
    assert "connection was refused" in findings["server"]["found"]
    assert "scipy missing" in findings["vlnb[bench]"]["found"]
    assert "make lab" in findings["vlnb[bench]"]["found"]


def test_importing_vlnb_is_light():
    heavy = ("openai", "pandas", "plotly", "onnxruntime", "numpy", "PIL", "ipywidgets", "starlette", "cv2", "httpx2")
    script = f"import sys, vlnb, vlnb.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"


def test_check_tells_its_score_and_its_findings(engine, capsys):
    assert cli.main(["check", "--url", engine.base_url, "--seed", "3"]) == 0
    told = capsys.readouterr()
    assert re.search(r"reads a code +3 of 3\n", told.out)
    assert "12 of 12" in told.err, "the engine is asked only what it can do: to read"


def test_mmmu_is_run_graded_and_compared(engine, capsys, tmp_path):
    out = str(tmp_path / "run")
    assert cli.main(["mmmu", "run", "--drawn", "--url", engine.base_url, "--concurrency", "4", "--out", out]) == 0
    assert "Overall" in capsys.readouterr().out
    assert cli.main(["mmmu", "resume", out, "--url", engine.base_url]) == 1
    assert "is complete: all 24 questions" in capsys.readouterr().err
    assert cli.main(["mmmu", "grade", out, "--rules", "strict"]) == 0
    assert "Overall" in capsys.readouterr().out
    assert cli.main(["mmmu", "compare", out]) == 0
    told = capsys.readouterr()
    assert "holds no questions of MMMU" in told.err
    assert "Overall" in told.out
    shutil.copytree(out, out + "-again")
    assert cli.main(["mmmu", "compare", out, out + "-again"]) == 0
    assert "no more than noise" in capsys.readouterr().out


def test_mmmu_reads_what_sglangs_harness_wrote(capsys, tmp_path):
    path = tmp_path / "val_sglang.json"
    path.write_text('{"Art": {"num": 30, "acc": 0.5}, "Overall": {"num": 30, "acc": 0.5}}')
    assert cli.main(["mmmu", "grade", str(path)]) == 0
    assert "Art and Design" in capsys.readouterr().out
    assert cli.main(["mmmu", "grade", str(tmp_path / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [(HEAD, "a larger --timeout"), (HEAD + b'data: {"choices": [{"delta": {"content": "Two"}}]}\n', "printed above")],
)
def test_an_error_names_the_commands_own_options(raw_server, receipt, tmp_path, capsys, answer, words):
    receipt.picture.image.save(tmp_path / "a.png")
    sent = iter([b'HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{"data":[{"id": "m"}]}', answer])

    def slow(connection):
        connection.sendall(piece := next(sent))
        time.sleep(3 if piece == answer else 0)

    assert cli.main(["ask", str(tmp_path / "a.png"), "?", "--url", raw_server(slow), "--timeout", "1"]) != 0
    told = capsys.readouterr().err
    assert words in told
    assert "--timeout" in told
    assert "_s" not in told
    assert ".partial" not in told


INVOICE = {
    "type": "object",
    "properties": {"shop": {"type": "string"}, "cash": {"type": "number"}, "tip": {"type": "number"}},
}


@pytest.fixture
def schema_json(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(INVOICE))
    return str(path)


def test_extract_writes_a_line_for_each_document_the_broken_ones_too(
    receipt_png, schema_json, tmp_path, engine, capsys
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG")
    words = ["extract", receipt_png, str(broken), "--schema", schema_json, "--url", engine.base_url]
    assert cli.main(words) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["data"] == {"shop": "Auntie Anne's", "cash": 20000, "tip": None}
    assert first["evidence"]["cash"]["how"] == "exact"
    assert second["data"] is None
    assert "broken" in second["issues"][0]
    for ending, found in ((".csv", "source,shop,cash,tip\n"), (".html", "<h2>"), (".jsonl", '"tip": null')):
        out = tmp_path / f"out{ending}"
        assert cli.main([*words, "--out", str(out)]) == 1
        assert found in out.read_text("utf-8-sig").replace("\r", "")
        assert "broken" in out.read_text("utf-8-sig")


def test_a_table_has_a_row_for_each_record_beside_what_its_document_says_once():
    rows = {"type": "array", "items": {"type": "object", "properties": {"code": {"type": "string"}}}}
    form = Form.of({"type": "object", "properties": {"total [EUR]": {"type": "number"}, "items": rows}})
    said = json.dumps({"total [EUR]": "9,50", "items": [{"code": "A"}, {"code": None}]})
    found = {"a.png": typed_reply(form, Reply(said, "m", "s", "stop", 0.0, 0.0)), "b.png": vlnb.BadInput("broken")}
    text = extract._csv(found).removeprefix("\ufeff").replace("\r", "")
    assert text == "source,total [EUR],code\na.png,9.5,A\na.png,9.5,\nb.png,,\n"


@pytest.mark.parametrize(
    ("said", "cell"), [("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("+44 113", "+44 113"), (-3, -3)]
)
def test_no_cell_of_a_table_is_a_formula(said, cell):
    assert extract._inert(said) == cell


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--out", "x.xlsx"], "must end in .csv, .jsonl or .html"),
        (["--out", "nowhere/x.csv"], "there is no folder nowhere"),
        (["--schema", "none.json"], "--schema none.json cannot be read"),
        (["--schema", "README.md"], "README.md is not a JSON schema, which begins like"),
        (["--schema", "src/vlnb/samples/files/till.jpg"], "till.jpg is not a JSON schema, which begins like"),
    ],
)
def test_extract_says_what_is_wrong_before_it_asks(receipt_png, schema_json, more, words, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    chosen = more if "--schema" in more else ["--schema", schema_json, *more]
    assert cli.main(["extract", receipt_png, *chosen, "--url", "http://127.0.0.1:1/v1"]) == 1
    assert words in capsys.readouterr().err


def test_a_video_is_written_costed_and_asked_about(tmp_path, monkeypatch, engine, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sample", "clip"]) == 0
    assert cli.main(["video", "cost", "clip.mp4", "--json"]) == 0
    costs = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert [one["way"] for one in costs] == ["frames", "video_url", "video_url", "video_url"]
    word = samples.clip().events[0][2]
    assert cli.main(["ask", "clip.mp4", f'When is "{word}" shown?', "--url", engine.base_url]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{word}: from ")
    assert "clip.mp4: 20.00 s, 200 frames" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["video", "cost", "none.mp4"], "There is no file none.mp4"),
        (["video", "cost", __file__], "cannot be read as a video"),
    ],
)
def test_a_video_that_cannot_be_costed_is_a_sentence(words, sentence, capsys):
    assert cli.main(words) in (1, 2)
    assert sentence in capsys.readouterr().err
