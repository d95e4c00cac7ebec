"""The vlnb command line: output streams and exit statuses."""

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
from urllib.parse import urlsplit

import openai
import pytest
from PIL import Image

import vlnb
from vlnb import cli, commands, doctor, extras, samples
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


def test_ask_prints_only_the_answer_on_standard_output(receipt_png, receipt, engine, monkeypatch, capsys):
    monkeypatch.setenv("VLNB_BASE_URL", engine.base_url)
    assert cli.main(["ask", receipt_png, "Read all the text in the image."]) == 0
    out, err = capsys.readouterr()
    assert out == "\n".join(receipt.truth.lines) + "\n"
    assert err.startswith(f"Connected to {engine.base_url}")
    assert "first token" in err


def test_json_output_holds_the_whole_reply(receipt_png, engine, capsys):
    assert cli.main(["ask", receipt_png, "What is the grand total?", "--json", "--url", engine.base_url]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert reply["text"].startswith("17,000")
    assert reply["boxes"][0]["x1"] > 400
    assert set(reply) == {"text", "model", "server", "finish_reason", "ttft_s", "latency_s", "usage", "note", "boxes"}


def test_ask_takes_several_pictures_and_notes_transparency(receipt_png, engine, tmp_path, capsys):
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
    (["ask", "clip.mp4", "Read", "--page", "2"], "clip.mp4 is a video, which has no pages: leave --page out."),
    (["sample", "clip", "--to", "clip.jpg"], "The clip is a video: choose a name such as clip.mp4."),
    (["ask", "no-such.png", "word " * 80], "There is no file no-such.png"),
    (["agent", "no-such.html", "word " * 80, "--url", "http://127.0.0.1:1"], "Nothing answers"),
    (["batch", "~nosuch/scans", "--prompt", "?", "--out", "o"], "There is no file ~nosuch/scans"),
    (["sample", "--to", "x" * 300], "File name too long"),
    (["serve", "--host", "0.0.0.0"], "VLNB_API_KEY"),
    (["ask"], "Give a picture and then a question"),
    (["ask", "a.png"], "Give a picture and then a question"),
    (["mmmu", "run", "--drawn", "--subjects", "Arts"], "leave --subjects and --folder out"),
    (["extract", "clip.mp4", "--schema", "s.json"], "clip.mp4 is a video: extract takes pictures and PDFs."),
    (["ask", "{large}", "?", "--max-pixels", "1000000"], "the limit is 89. Load a smaller copy.\n"),
    (["ask", "{ftyp}", "?"], "Name a video by its path, such as clip.mp4, and save a photo as JPEG or PNG."),
]


@pytest.mark.parametrize(("arguments", "excerpt"), FAILURES)
def test_a_failure_prints_one_sentence_and_exits_with_status_1(arguments, excerpt, receipt_png, tmp_path, capsys):
    Image.new("1", (12_000, 12_000)).save(large := tmp_path / "large.png")
    (ftyp := tmp_path / "ftyp").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(600))
    assert cli.main([argument.format(receipt=receipt_png, large=large, ftyp=ftyp) for argument in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vlnb: ")
    assert excerpt in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "a", "b", "--max-tokens", "0"],
        ["serve", "--port", "70000"],
        ["launch", "--gpu", "MI300X", "--size", "7B", "--port", "0"],
        ["router", "http://127.0.0.1:1", "--port", "0"],
        ["sing"],
        ["ask", "a", "b", "--js"],
        ["extract", "a.png"],
    ],
)
def test_wrong_usage_exits_with_status_2(arguments, capsys):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vlnb: ")
    assert "vlnb --help" in err


def test_boxes_are_also_reported_in_pixels_of_the_original_picture(receipt_png, receipt, engine, capsys):
    arguments = ["ask", receipt_png, "What is the grand total?", "--url", engine.base_url, "--max-pixels", "200000"]
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    (corners,) = re.findall(r"in pixels of your picture: \[(.*)\] right of", err)
    assert corners not in out, "the answer has pixels of the resized copy that the model saw"
    box = vlnb.regions.Box(*map(float, corners.split(",")))
    assert vlnb.regions.iou(box, receipt.truth.fields["grand_total"]) > 0.7


def test_a_missing_argument_is_reported_with_its_command(capsys):
    assert cli.main(["bench", "resume"]) == 2
    assert "bench resume needs FOLDER. For an example: vlnb bench resume --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["plan", "launch", "video cost", "mmmu resume", "mmmu grade", "bench resume", "batch", "agent"]
)
def test_commands_that_need_an_argument_give_an_example_in_their_help(command, capsys):
    assert cli.main(command.split()) == 2
    assert f"For an example: vlnb {command} --help" in capsys.readouterr().err
    assert cli.main([*command.split(), "--help"]) == 0
    assert f"For example: vlnb {command} " in " ".join(capsys.readouterr().out.split())


def test_missing_option_values_and_extra_arguments_are_reported(capsys):
    assert cli.main(["ask", "a.png", "What is it?", "--url"]) == 2
    assert "vlnb: --url needs a value." in capsys.readouterr().err
    assert cli.main(["check", "a.png"]) == 2
    assert "vlnb: The command takes nothing like 'a.png'." in capsys.readouterr().err


def test_swapped_agent_arguments_get_a_hint_about_the_right_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("page.html").write_text("<h1>Tea</h1>")
    assert cli.main(["agent", "Click Tea.", "page.html"]) == 1
    assert "The address comes first: vlnb agent page.html 'Click Tea.'" in capsys.readouterr().err


def test_a_schema_that_is_not_an_object_is_rejected(receipt_png, tmp_path, capsys):
    (tmp_path / "list.json").write_text("[1, 2]")
    assert cli.main(["extract", receipt_png, "--schema", str(tmp_path / "list.json")]) == 1
    assert "list.json is not a JSON schema, which begins like" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["plan"], ["bench", "run"], ["batch"]])
def test_help_wraps_between_words_and_indents_continuation_lines(command):
    narrow = {**os.environ, "COLUMNS": "50"}
    out = subprocess.run([*VLNB, *command, "--help"], capture_output=True, text=True, env=narrow, check=True).stdout
    entries = out.partition("\n\n\n")[0].partition("Commands:\n" if not command else "Parameters:\n")[2].splitlines()
    assert max(map(len, out.splitlines())) <= 50
    assert {len(line) - len(line.lstrip()) for line in entries} == {2, 6}
    assert not re.search(r"\S {2,}", out)


@pytest.mark.parametrize(
    ("arguments", "excerpt"),
    [
        (["sing"], 'Unknown command "sing"'),
        (["bench", "rum"], 'Did you mean "run"?'),
        (["ask", "a", "b", "--js"], "Did you mean --json?"),
        (["ask", "a", "--question", "b"], "Unknown option: --question.\n"),
        (["serve", "--port", "70000"], "--port"),
        (["plan", "--gpu", "MI300X", "--size", "7B", "--mem-fraction", "x"], "--mem-fraction"),
        (["plan", "--gpu", "MI300X", "--size", "7B", "--mem-fraction", "2"], "--mem-fraction"),
    ],
)
def test_wrong_usage_names_the_option_or_suggests_the_intended_one(arguments, excerpt, capsys):
    assert cli.main(arguments) == 2
    assert excerpt in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"), [("--prompts", "0"), ("--range-ratio", "2.0"), ("--ramp-s", "-1.0"), ("--rate", "0.0")]
)
def test_values_that_the_package_refuses_are_reported_by_option_name(option, value, capsys):
    assert cli.main(["bench", "run", option, value]) in (1, 2)
    assert f"{option} {value} must be" in capsys.readouterr().err


def test_without_a_command_the_commands_are_listed(capsys):
    assert cli.main([]) == 0
    assert "bench" in capsys.readouterr().out


def readme_commands():
    """Yield each command of the README's block, with the subcommands in its comment ("also: resume, compare")."""
    text = (ROOT / "README.md").read_text()
    for line in re.findall(r"^vlnb .*", text, flags=re.MULTILINE):
        command, _, comment = line.partition("  #")
        yield command.strip(), re.findall(r"\w+", comment.partition("also: ")[2])


def test_the_readme_names_exactly_the_existing_commands():
    named = set(re.findall(r"`vlnb ([a-z]+)[^`]*`", (ROOT / "README.md").read_text()))
    for command, also in readme_commands():
        _, name, *rest = command.split()
        subcommands = [word for word in rest[:1] if word in cli.app[name]] + also
        named |= {f"{name} {word}" for word in subcommands} or {name}
    existing = set()
    for name in (name for name in cli.app if not name.startswith("-")):
        nested = {word for word in cli.app[name] if not word.startswith("-")}
        existing |= {f"{name} {word}" for word in nested} or {name}
    assert named == existing


@pytest.fixture(scope="module")
def readme(tmp_path_factory, engine):
    """Run the README's commands in order and in one folder, as a reader would, against a server that already runs.

    Gives the folder, and what each command printed.
    """
    folder = tmp_path_factory.mktemp("readme")
    environment = {**os.environ, "VLNB_BASE_URL": engine.base_url, "VLNB_RUNS": str(folder / "runs")}
    (folder / "docs").symlink_to(ROOT / "docs")
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    printed = {}
    for command, _ in readme_commands():
        result = subprocess.run(
            command, shell=True, cwd=folder, env=environment, check=False, capture_output=True, text=True
        )
        printed[command.split()[1]] = result.stdout + result.stderr
        assert result.returncode == 0, (command, result.stdout, result.stderr)
    return folder, printed


on_one_worker = pytest.mark.xdist_group("readme")  # its commands take most of a minute: they run once


@on_one_worker
def test_every_readme_command_works_as_typed(readme):
    folder, printed = readme
    assert "17,000" in printed["ask"]
    assert re.search(r"reads a code +3 of 3\n", printed["check"])
    assert "12 of 12" in printed["check"], "the embedded engine is only tested on what it can do: reading text"
    assert "Overall" in printed["mmmu"]
    assert (folder / "receipt.jpg").is_file()
    assert {path.parts[-3] for path in folder.glob("runs/*/*/manifest.json")} == {"bench", "mmmu"}


@on_one_worker
def test_a_run_of_mmmu_is_resumed_graded_and_compared(readme, engine, capsys, tmp_path):
    run = str(next(readme[0].glob("runs/mmmu/*")))
    assert cli.main(["mmmu", "resume", run, "--url", engine.base_url]) == 1
    assert "is complete: all 24 questions" in capsys.readouterr().err
    assert cli.main(["mmmu", "grade", run, "--rules", "strict"]) == 0
    assert "Overall" in capsys.readouterr().out
    assert cli.main(["mmmu", "compare", run]) == 0
    captured = capsys.readouterr()
    assert "holds no questions of MMMU" in captured.err
    assert "Overall" in captured.out
    shutil.copytree(run, tmp_path / "again")
    assert cli.main(["mmmu", "compare", run, str(tmp_path / "again")]) == 0
    assert "no more than noise" in capsys.readouterr().out


def test_the_python_example_of_the_readme_works_as_typed(engine, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("VLNB_BASE_URL", engine.base_url)
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    *before, last = block.strip().splitlines()
    names = {}
    exec("\n".join(before), names)
    assert eval(last, names).text.startswith("17,000")


def test_ask_reads_a_picture_from_standard_input(receipt_png, engine):
    with Path(receipt_png).open("rb") as picture:
        result = subprocess.run(
            [*VLNB, "ask", "-", "What is the cash?", "--url", engine.base_url],
            stdin=picture,
            check=False,
            capture_output=True,
            text=True,
        )
    assert (result.returncode, result.stdout.splitlines()[0]) == (0, "20,000")


def test_a_closed_output_pipe_causes_no_traceback(receipt_png, engine):
    command = " ".join(map(repr, [*VLNB, "ask", receipt_png, "Read all the text", "--url", engine.base_url]))
    result = subprocess.run(f"{command} | true", shell=True, check=False, capture_output=True, text=True)
    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr


def test_serve_prints_its_address_and_stops_on_ctrl_c(receipt):
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
        _, err = server.communicate(timeout=120)  # its models may still load, and it ends only then
    assert "Traceback" not in err
    assert server.returncode in (0, 1)


def test_serve_on_a_port_in_use_suggests_another_port(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli.main(["serve", "--port", str(taken.getsockname()[1])]) == 1
    assert "choose another with --port" in capsys.readouterr().err


def test_ctrl_c_while_waiting_prints_only_stopped(receipt_png):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen([*VLNB, "ask", receipt_png, "Read", "--url", url], stderr=subprocess.PIPE, text=True)
        silent.settimeout(60)
        with silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            process.wait(20)
        _, err = process.communicate(timeout=20)
    assert err == "vlnb: stopped.\n"
    assert process.returncode == 1


def test_ctrl_c_while_a_command_exits_prints_no_traceback(receipt_png):
    """After the answer the embedded engine still ends: an impatient reader presses Ctrl-C then."""
    process = subprocess.Popen([*VLNB, "ask", receipt_png, "What is the cash?"], stderr=subprocess.PIPE, text=True)
    printed = ""
    while "first token" not in printed:
        printed += (line := process.stderr.readline())
        assert line, f"the command ended after {printed!r}"
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    printed += process.communicate()[1]
    assert "Traceback" not in printed
    assert process.returncode in (0, 1)


def test_ctrl_c_in_a_destructor_stops_the_command(tmp_path):
    """Python can only print a KeyboardInterrupt that is raised in a destructor: the command would go on."""
    (tmp_path / "cyclopts.py").write_text(
        "import signal, time\n"
        "class Destroyed:\n"
        "    def __del__(self):\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "Destroyed()\n"
        "time.sleep(20)\n"
        "raise RuntimeError('the command went on')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    result = subprocess.run([*VLNB, "doctor"], env=environment, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (1, "vlnb: stopped.\n")


def test_ctrl_c_during_imports_prints_only_stopped(tmp_path):
    (tmp_path / "cyclopts.py").write_text("raise KeyboardInterrupt")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    script = [Path(sys.executable).with_name("vlnb")]
    for command in (VLNB, script):
        result = subprocess.run([*command, "doctor"], env=environment, check=False, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (1, "vlnb: stopped.\n")


def test_doctor_reports_no_problem_on_a_sound_machine(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "the embedded engine would answer" in out
    assert "onnxruntime" in out
    assert "PROBLEM" not in out
    assert "optional  gpus: No AMD GPU was found" in out
    for excerpt in ("GiB available", "GiB free for models", "30000 free (SGLang)"):
        assert excerpt in out


def test_doctor_names_problems_and_hides_the_api_key(monkeypatch, capsys):
    monkeypatch.setenv("VLNB_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("VLNB_API_KEY", "hunter2-hunter2")
    real_version = extras.version
    monkeypatch.setattr(extras, "version", lambda package: None if package == "scipy" else real_version(package))
    assert cli.main(["doctor", "--json"]) == 1
    text = capsys.readouterr().out
    assert "hunter2" not in text
    findings = {finding["name"]: finding for finding in json.loads(text)}
    assert findings["server"]["state"] == "problem"
    assert "connection was refused" in findings["server"]["found"]
    assert "scipy missing" in findings["vlnb[bench]"]["found"]
    assert "make lab" in findings["vlnb[bench]"]["found"]


def test_doctor_tells_a_server_that_refuses_from_other_programs(raw_server, monkeypatch):
    answers = [b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\n{}", b"220 mail ready\r\n"]
    urls = [raw_server(lambda connection, answer=answer: connection.sendall(answer)) for answer in answers]
    monkeypatch.setattr(doctor, "_PORTS", dict.fromkeys(urlsplit(url).port for url in urls))
    web, mail = doctor._ports().found.split("; ", maxsplit=1)
    assert "a server answers, but refuses (401)" in web
    assert "not a model server" in mail


def test_doctor_reports_a_model_that_the_server_does_not_serve(engine, monkeypatch, capsys):
    monkeypatch.setenv("VLNB_BASE_URL", engine.base_url)
    monkeypatch.setenv("VLNB_MODEL", "zzz")
    assert cli.main(["doctor"]) == 1
    assert f"PROBLEM   server: {engine.base_url} does not serve the model 'zzz'." in capsys.readouterr().out


def test_importing_vlnb_loads_no_heavy_packages():
    heavy = ("openai", "pandas", "plotly", "onnxruntime", "numpy", "PIL", "ipywidgets", "starlette", "cv2", "httpx2")
    script = f"import sys, vlnb, vlnb.cli; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert result.stdout.strip() == "[]"


def test_mmmu_grade_reads_results_of_sglangs_harness(capsys, tmp_path):
    path = tmp_path / "val_sglang.json"
    path.write_text('{"Art": {"num": 30, "acc": 0.5}, "Overall": {"num": 30, "acc": 0.5}}')
    assert cli.main(["mmmu", "grade", str(path)]) == 0
    assert "Art and Design" in capsys.readouterr().out
    assert cli.main(["mmmu", "grade", str(tmp_path / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "excerpt"),
    [(HEAD, "a larger --timeout"), (HEAD + b'data: {"choices": [{"delta": {"content": "Two"}}]}\n', "printed above")],
)
def test_errors_name_command_line_options_not_python_parameters(raw_server, receipt, tmp_path, capsys, answer, excerpt):
    receipt.picture.image.save(tmp_path / "a.png")
    responses = iter([b'HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{"data":[{"id": "m"}]}', answer])

    def slow(connection):
        connection.sendall(piece := next(responses))
        time.sleep(8 if piece == answer else 0)

    assert cli.main(["ask", str(tmp_path / "a.png"), "?", "--url", raw_server(slow), "--timeout", "4"]) != 0
    printed = capsys.readouterr().err
    assert excerpt in printed
    assert "--timeout" in printed
    assert "_s" not in printed
    assert ".partial" not in printed


INVOICE = {
    "type": "object",
    "properties": {"shop": {"type": "string"}, "cash": {"type": "number"}, "tip": {"type": "number"}},
}


@pytest.fixture
def schema_json(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(INVOICE), "utf-8-sig")  # as Windows editors do
    return str(path)


def test_extract_writes_a_line_for_every_document_even_broken_ones(receipt_png, schema_json, tmp_path, engine, capsys):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG")
    arguments = ["extract", receipt_png, str(broken), "--schema", schema_json, "--url", engine.base_url]
    assert cli.main(arguments) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["data"] == {"shop": "Auntie Anne's", "cash": 20000, "tip": None}
    assert first["evidence"]["cash"]["how"] == "exact"
    assert second["data"] is None
    assert "broken" in second["issues"][0]
    for suffix, excerpt in ((".csv", "source,shop,cash,tip\n"), (".html", "<h2>"), (".jsonl", '"tip": null')):
        out = tmp_path / f"out{suffix}"
        assert cli.main([*arguments, "--out", str(out)]) == 1
        assert excerpt in out.read_text("utf-8-sig").replace("\r", "")
        assert "broken" in out.read_text("utf-8-sig")


def test_csv_repeats_document_values_beside_each_record():
    rows = {"type": "array", "items": {"type": "object", "properties": {"code": {"type": "string"}}}}
    form = Form.of({"type": "object", "properties": {"total [EUR]": {"type": "number"}, "items": rows}})
    answer = json.dumps({"total [EUR]": "9,50", "items": [{"code": "A"}, {"code": None}]})
    outcomes = {"a.png": typed_reply(form, Reply(answer, "m", "s", "stop", 0.0, 0.0)), "b.png": vlnb.BadInput("broken")}
    text = extract._csv(outcomes).removeprefix("\ufeff").replace("\r", "")
    assert text == "source,total [EUR],code\na.png,9.5,A\na.png,9.5,\nb.png,,\n"


def test_csv_keeps_equal_names_apart_and_reports_a_second_list(capsys):
    answer = {"source": "ACME", "total": 9, "items": [{"total": 4}, {"total": 5}], "notes": [{"text": "x"}]}
    reply = typed_reply(Form.of(dict[str, object]), Reply(json.dumps(answer), "m", "s", "stop", 0.0, 0.0))
    text = extract._csv({"a.png": reply}).removeprefix("\ufeff").replace("\r", "")
    assert text == "source,document.source,total,items.total\na.png,ACME,9,4\na.png,ACME,9,5\n"
    assert "a.png: the table holds the records of items, not of notes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("+44 113", "+44 113"), (-3, -3), ("-5.00 EUR", "-5.00 EUR"),
     ("-5%", "-5%"),
     ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"), ('+1+HYPERLINK("x")', "'+1+HYPERLINK(\"x\")")],
)  # fmt: skip
def test_csv_cells_are_never_formulas(value, cell):
    assert extract._inert(value) == cell


def test_csv_holds_plain_lists_and_its_head_holds_no_formula():
    reply = typed_reply(Form.of(dict[str, object]), Reply('{"=X": 5, "tags": ["a", "b"]}', "m", "s", "stop", 0.0, 0.0))
    text = extract._csv({"a.png": reply}).removeprefix("\ufeff").replace("\r", "")
    assert text == "source,'=X,tags[0],tags[1]\na.png,5,a,b\n"


def test_a_file_is_written_whole_or_left_as_it_is(tmp_path):
    out = tmp_path / "out.csv"
    (tmp_path / ".out.csv.new").write_text("left by a crash")
    commands.write(out, "caf\udce9.png")
    assert out.read_text() == "caf?.png"
    with pytest.raises(AttributeError):
        commands.write(out, 3)
    assert out.read_text() == "caf?.png"
    (tmp_path / "folder").mkdir()
    with pytest.raises(vlnb.BadInput, match="cannot be written"):
        commands.write(tmp_path / "folder", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "out.csv"]


@pytest.mark.parametrize(
    ("options", "excerpt"),
    [
        (["--out", "x.xlsx"], "must end in .csv, .jsonl or .html"),
        (["--out", "nowhere/X.CSV"], "there is no folder nowhere"),
        (["--schema", "none.json"], "--schema none.json cannot be read"),
        (["--schema", "README.md"], "README.md is not a JSON schema, which begins like"),
        (["--schema", "src/vlnb/samples/files/till.jpg"], "till.jpg is not a JSON schema, which begins like"),
    ],
)
def test_extract_reports_bad_options_before_it_contacts_the_server(
    receipt_png, schema_json, options, excerpt, monkeypatch, capsys
):
    monkeypatch.chdir(ROOT)
    arguments = options if "--schema" in options else ["--schema", schema_json, *options]
    assert cli.main(["extract", receipt_png, *arguments, "--url", "http://127.0.0.1:1/v1"]) == 1
    assert excerpt in capsys.readouterr().err


def test_a_video_is_written_costed_and_asked_about(tmp_path, monkeypatch, engine, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sample", "clip"]) == 0
    assert cli.main(["video", "cost", "clip.mp4", "--json"]) == 0
    costs = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert [cost["way"] for cost in costs] == ["frames", "video_url", "video_url", "video_url"]
    word = samples.clip().events[0][2]
    assert cli.main(["ask", "clip.mp4", f'When is "{word}" shown?', "--url", engine.base_url]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{word}: from ")
    assert "clip.mp4: 20.00 s, 200 frames" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["video", "cost", "none.mp4"], "There is no file none.mp4"),
        (["video", "cost", __file__], "cannot be read as a video"),
    ],
)
def test_the_cost_of_a_missing_or_unreadable_video_is_a_clear_error(arguments, sentence, capsys):
    assert cli.main(arguments) in (1, 2)
    assert sentence in capsys.readouterr().err
