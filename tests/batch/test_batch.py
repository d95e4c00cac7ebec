"""A batch as people run it: real pictures, a real server, processes that are killed."""

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from openai.types.chat import ChatCompletion
from PIL import Image

from tests.bench import answering
from tests.conftest import free_port
from vlnb import batch, cli, extras
from vlnb.batch import shards
from vlnb.batch.asking import Asker, Server
from vlnb.batch.source import Job, Row, rows
from vlnb.endpoint import Endpoint
from vlnb.errors import BadInput
from vlnb.fetch import background

ROOT = Path(__file__).parent.parent.parent
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}, "text": {"type": "string"}, "items": {"type": "array", "items": {"type": "string"}}}}  # fmt: skip  # noqa: E501

# The fields of an answer in vLLM 0.33.0 (entrypoints: launchers/run_batch.py, openai/chat_completion/protocol.py):
# the required ones, then the optional ones. When this was written, those classes themselves accepted our lines.
VLLM = {
    "": ("id custom_id response error", ""),
    "response": ("request_id", "status_code body"),
    "response.body": ("model choices usage", "id object created service_tier system_fingerprint prompt_logprobs"),
    "response.body.choices.0": ("index message", "logprobs finish_reason stop_reason token_ids"),
    "response.body.choices.0.message": ("role", "content refusal annotations audio function_call tool_calls reasoning"),
    "response.body.usage": ("", "prompt_tokens total_tokens completion_tokens prompt_tokens_details"),
}


def at(value, path):
    for name in filter(None, path.split(".")):
        value = value[int(name)] if name.isdigit() else value[name]
    return value


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(24):
        Image.new("RGB", (56, 56), (number, 0, 0)).save(folder / f"p{number:02}.png")
    return folder


def test_each_version_and_each_page_of_a_picture_is_asked_about(tmp_path, server):
    """A picture that was replaced is another one; all pages of a TIFF or PDF are sent, and one frame of a GIF."""
    (folder := tmp_path / "scans").mkdir()
    pages = [Image.new("RGB", (56, 56), (number, 0, 0)) for number in range(3)]
    for name in ("a.tif", "b.pdf", "c.gif", os.fsdecode(b"caf\xe9.png")):
        several = {} if name.endswith("png") else {"save_all": True, "append_images": pages[1:]}
        pages[0].save(folder / name, **several)
    url, _ = server()
    table = batch.process(folder, "?", tmp_path / "out", endpoints=url).frame()
    assert list(table["prompt_tokens"]) == [300, 300, 100, 100]  # 100 for each picture
    assert table["path"][3].endswith("caf\\udce9.png")
    os.utime(folder / "a.tif", (0, 0))
    for source, new_rows in ((folder, 1), ([folder / "a.tif"], 0)):
        assert batch.process(source, "?", tmp_path / "out", endpoints=url).new_rows == new_rows


@pytest.mark.parametrize("form", ["{path}", "~/scan.png", "file://{path}"])
def test_a_listed_picture_that_was_replaced_is_another_row(tmp_path, monkeypatch, form):
    monkeypatch.setenv("HOME", str(tmp_path))
    source = [form.format(path=tmp_path / "scan.png")]
    before = rows(source)
    for number, changed in ((0, True), (1, True), (1, False)):
        Image.new("RGB", (56, 56 + number)).save(tmp_path / "scan.png")
        os.utime(tmp_path / "scan.png", (number, number))
        after = rows(source)
        assert (after != before) is changed
        before = after


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("scan[1].png", ["scan[1].png"]),
        ("scan[12].png", ["scan1.png", "scan2.png"]),
        ("*[[]*.png", ["scan[1].png"]),
        ("", ["PHOTO.JPG", "scan1.png", "scan2.png", "scan[1].png"]),
        ("list.parquet", ["scan1.png", "scan2.png"]),
    ],
)
def test_an_existing_file_is_taken_and_only_another_name_is_a_glob(tmp_path, source, found):
    for name in ("scan1.png", "scan2.png", "scan[1].png", "PHOTO.JPG", "notes.txt"):
        (tmp_path / name).touch()
    pd.DataFrame({"path": ["scan1.png", None, "scan2.png"]}).to_parquet(tmp_path / "list.parquet")
    assert [Path(row.path).name for row in rows(tmp_path / source)] == found


def test_pictures_of_earlier_turns_are_sent_by_their_path(pictures, tmp_path, server):
    url, first = server()[0], pictures / "p00.png"
    turn = ([first, "And this?"], "Red.")
    ask = partial(batch.process, [first], "?", tmp_path / "out", endpoints=url, before=[turn])
    assert ask().frame()["error"].isna().all()
    assert ask().new_rows == 0


@pytest.mark.parametrize(
    ("prompt", "options"),
    [("half an emoji \ud83d", {}), ("?", {"before": [([Image.new("RGB", (56, 56))], "Red.")]}), ("?", {"seed": {1}})],
)
def test_a_job_that_cannot_be_stored_raises_bad_input(pictures, tmp_path, prompt, options):
    with pytest.raises(BadInput, match=r"cannot be stored .* Pass texts, numbers, paths"):
        batch.process(pictures, prompt, tmp_path / "out", endpoints=Endpoint("http://127.0.0.1:9/v1", "m"), **options)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ([{"n": 3}, None, {"n": 2**53 + 1}], {"n": [3, pd.NA, 2**53 + 1]}),
        ([{"n": 2**70}, None], {"n": [2**70, None]}),
        ([{"n": 3}, {"n": 2.5}], {"n": [3.0, 2.5]}),
        ([[1], None], {"data": [[1], None]}),
        ([{"text": 1, "text_": 2}], {"text_": [1], "text__": [2]}),
        ([None], {}),
    ],
)
def test_the_values_of_typed_answers_become_columns_unchanged(tmp_path, data, fields):
    row = dict.fromkeys(shards.COLUMNS) | dict.fromkeys(shards.NUMBERS, 0)
    table = pd.DataFrame([row | {"key": f"{n}", "path": f"{n}", "data": json.dumps(v)} for n, v in enumerate(data)])
    table.to_parquet(tmp_path / "part-1.parquet")
    frame = shards.Answers(tmp_path).frame()
    assert {name: frame[name].tolist() for name in frame.columns.difference({*shards.COLUMNS} - {"data"})} == fields


@pytest.fixture
def server():
    """Start `tests.bench.answering` with the given options; return its address and its process."""
    started = []

    def start(*options):
        command = [sys.executable, "-m", "tests.bench.answering", *options]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT))
        return f"http://127.0.0.1:{started[-1].stdout.readline().strip()}/v1", started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_folder_becomes_a_table_and_no_question_is_asked_twice(pictures, tmp_path, server):
    url, _ = server()
    job = batch.process(pictures, "What is it?", tmp_path / "out", endpoints=url)
    table = job.frame()
    assert [Path(path).name for path in table["path"]] == [f"p{number:02}.png" for number in range(24)]
    assert set(table["text"]) == {answering.answer("What is it?")}
    assert table["error"].isna().all()
    assert set(pd.read_parquet(job.folder)["key"]) == set(table["key"])  # any tool reads the folder

    shards = sorted(job.folder.glob("*.parquet"))
    repeated = batch.process(pictures, "What is it?", tmp_path / "out", endpoints=url)
    assert sorted(repeated.folder.glob("*.parquet")) == shards

    other = batch.process(pictures, "And this?", tmp_path / "out", endpoints=url)
    assert set(other.frame()["text"]) == {answering.answer("And this?")}
    assert repeated.frame().equals(table)


@pytest.mark.parametrize("moment", [0.0, 0.4, 1.0])
def test_kill_9_loses_no_row(pictures, tmp_path, server, moment):
    slow, quick = server("--delay", "0.6")[0], server()[0]  # on a busy machine the kill may come late
    out = tmp_path / "out"
    arguments = ["batch", pictures, "--prompt", "?", "--out", out, "--url", slow, "--concurrency", "2"]
    running = subprocess.Popen([sys.executable, "-m", "vlnb", *map(str, arguments)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(out.glob("*/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(moment)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    before = batch.read(out).frame()
    assert 0 < len(before) < 24
    (batch.read(out).folder / "part-000099.parquet").write_bytes(b"PAR1 torn")
    table = batch.process(pictures, "?", out, endpoints=quick).frame()
    assert len(table) == table["path"].nunique() == 24
    assert table["error"].isna().all()
    kept = table[table["key"].isin(before["key"])]
    assert set(kept["seconds"]) == set(before["seconds"])  # answered rows were not asked again


def test_ctrl_c_says_how_to_continue(pictures, tmp_path, server):
    url, out = server("--delay", "0.6")[0], tmp_path / "out"
    arguments = ["batch", pictures, "--prompt", "?", "--out", out, "--url", url, "--concurrency", "2"]
    running = subprocess.Popen([sys.executable, "-m", "vlnb", *map(str, arguments)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(out.glob("*/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    printed = running.communicate(timeout=60)[1]
    assert f"Started again, the command asks about the pictures that have no answer in {out} yet." in printed
    assert (running.returncode, printed.splitlines()[-1]) == (1, "vlnb: stopped.")


def test_a_bad_picture_is_one_row_with_an_error_until_removed(pictures, tmp_path, server, capsys):
    (pictures / "broken.png").write_bytes(b"\x89PNG broken")
    (pictures / "empty.jpg").write_bytes(b"")
    Image.new("RGB", (20_000, 20)).save(pictures / "thin.png")
    (pictures / "notes.txt").write_text("no picture")
    with (pictures / "huge.png").open("wb") as file:
        file.truncate(70_000_000)
    url = server()[0]
    table = batch.process(pictures, "?", tmp_path / "out", endpoints=url).frame()
    bad = table[table["error"].notna()]
    assert {Path(path).name for path in bad["path"]} == {"broken.png", "empty.jpg", "thin.png", "huge.png"}
    assert len(table) == 28

    for name in ("broken.png", "thin.png", "huge.png"):
        (pictures / name).unlink()
    arguments = ["batch", str(pictures), "--prompt", "?", "--out", str(tmp_path / "out"), "--url", url]
    assert cli.main(arguments) == 1
    printed = capsys.readouterr().err
    assert "24 answered, 1 failed" in printed
    assert printed.count(f"{pictures / 'empty.jpg'}") == 1
    (pictures / "empty.jpg").unlink()
    assert cli.main(arguments) == 0
    assert "Nothing new to ask: 24 answered, 0 failed" in capsys.readouterr().err
    assert cli.main([*arguments, "--max-tokens", "7"]) == 0  # another job
    assert "already" not in capsys.readouterr().err
    assert json.loads((batch.read(tmp_path / "out").folder / "_job.json").read_text())["options"] == {"max_tokens": 7}


GOOD = '{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": []}}'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.JSONL", "{", "Line 1 of .* is not a batch request .Expecting"),
        pytest.param("a.jsonl", "[" * 99_999, "Line 1 of .* is not a batch request .maximum recursion", id="nested"),
        ("a.jsonl", "7", "Line 1 of .* is not a batch request .'int' object"),
        ("a.jsonl", GOOD.replace("[]", "7"), "not a batch request .method and url"),
        ("a.jsonl", GOOD.replace("POST", "GET"), "not a batch request .method and url"),
        ("a.jsonl", "", "holds no picture"),
        ("a.txt", "", "holds no picture"),
        ("a.parquet", "", "a.parquet cannot be read"),
    ],
)
def test_a_file_without_usable_rows_is_reported(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=message):
        rows(tmp_path / name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch", "--prompt", "?"], "There is no file nosuch"),
        (["requests.jsonl", "--prompt", "?"], "has a prompt and options of its own: leave these out"),
        (["requests.jsonl", "--max-tokens", "7"], "has a prompt and options of its own: leave these out"),
        (["bad.jsonl"], "Line 2 of {folder}/bad.jsonl is not a batch request ('method' is missing)"),
    ],
)
def test_an_invalid_source_is_reported(tmp_path, server, arguments, message, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    good = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": []}}
    (tmp_path / "requests.jsonl").write_text(json.dumps(good))
    (tmp_path / "bad.jsonl").write_text(f'{json.dumps(good)}\n{{"custom_id": "b"}}')
    assert cli.main(["batch", *arguments, "--out", "out", "--url", server()[0]]) == 1
    assert message.format(folder=tmp_path) in capsys.readouterr().err


def test_the_rows_of_a_killed_server_go_to_the_other_server(pictures, tmp_path, server):
    (first, dying), (second, _) = server("--delay", "0.05"), server("--busy", "3")
    dying.kill()
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        batch.process(pictures, "?", tmp_path / "out", endpoints=[first, second])
    from vlnb.endpoint import Endpoint

    both = [Endpoint(url, "oracle") for url in (first, second)]
    table = batch.process(pictures, "?", tmp_path / "out", endpoints=both).frame()
    assert table["error"].isna().all()
    assert set(table["server"]) == {second}


def test_without_a_reachable_server_every_row_has_an_error(pictures, tmp_path):
    from vlnb.endpoint import Endpoint

    unreachable = Endpoint("http://127.0.0.1:9/v1", "oracle")
    table = batch.process(pictures, "?", tmp_path / "out", endpoints=unreachable, patience_s=1.0).frame()
    assert table["error"].str.contains("No server has answered for 1 s").sum() >= 20
    assert len(table) == 24
    assert table["error"].notna().all()


def test_a_row_whose_request_fails_once_is_answered(pictures, tmp_path, server):
    url = server("--fail", "20")[0]  # one of the first 24 requests, but not the one that follows for its row
    assert batch.process(pictures, "?", tmp_path / "out", endpoints=url).frame()["error"].isna().all()


@pytest.mark.parametrize(
    ("status", "answered", "times"),
    [(400, False, 1), (413, False, 1), (500, False, 3), (429, True, 6)],
    ids=["refused", "too large", "failed", "full: the row was not tried"],
)
def test_a_failing_row_is_asked_three_times_and_a_refused_one_once(pictures, raw_server, status, answered, times):
    asked, message = [], b'{"error": {"message": "It is too large"}}'
    chunk = {"choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}]}

    def refuse_five_times(connection):
        asked.append(connection)
        bad = f"HTTP/1.1 {status} No\r\nRetry-After: 0.05\r\nContent-Length: {len(message)}\r\n\r\n".encode() + message
        good = f"HTTP/1.1 200 OK\r\n\r\ndata: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        connection.sendall(bad if len(asked) <= 5 else good)

    endpoint = Endpoint(raw_server(refuse_five_times), "m")
    job = Job.of("?", None, model="m", options={}, requests=False)
    asker = Asker(job, [endpoint], concurrency=1, patience_s=300)
    asker._last_answer = math.inf  # as if others were answered all the time
    answering = asker.row("key", Row(str(pictures / "p00.png")))
    row = asyncio.run_coroutine_threadsafe(answering, background()).result(120)
    assert (row["error"] is None, row["text"]) == ((True, "ok") if answered else (False, None))
    assert answered or "It is too large" in row["error"]
    assert "ServerRefused" not in str(row["error"]), "a sentence needs no name of a class"
    assert len(asked) == times


def test_a_server_is_paused_longer_each_time_and_gets_half_as_many_rows_if_it_was_full():
    server = Server(Endpoint("http://127.0.0.1:9/v1", "m"), limit=8)
    for pause_s in (0.5, 1, 2, 4, 8, 16, 30, 30):
        server.paused_until = 0.0
        server.pause(None, full=False)
        assert (server.pause_s, server.limit) == (pause_s, 8)
    for limit in (4, 2, 1, 1):
        server.paused_until = 0.0
        server.pause(None, full=True)
        assert server.limit == limit
    for asked_s, given_s in ((20, 20), (600, 30)):  # seconds for which the server asks
        server.paused_until, before = 0.0, time.monotonic()
        server.pause(asked_s, full=False)
        assert before + given_s <= server.paused_until <= time.monotonic() + given_s
    server.paused_until, server.limit = math.inf, 8
    server.pause(None, full=True)
    assert server.limit == 8, "only once for all the rows that were in flight"


@pytest.fixture
def without_ray(monkeypatch):
    installed = extras.version
    monkeypatch.setattr(extras, "version", lambda name: None if name == "ray" else installed(name))


@pytest.mark.usefixtures("without_ray")
@pytest.mark.parametrize("options", [{"runner": "ray"}, {"address": "127.0.0.1:6379"}], ids=str)
def test_a_job_on_ray_without_the_package_raises_bad_input(pictures, tmp_path, options):
    with pytest.raises(BadInput, match=r"needs the package ray.*pip install ray"):
        batch.process(pictures, "?", tmp_path / "out", endpoints="http://127.0.0.1:9/v1", **options)


@pytest.mark.usefixtures("without_ray")
def test_the_command_reports_missing_ray_before_it_looks_for_a_server(pictures, capsys):
    arguments = ["--prompt", "?", "--out", "no", "--url", "http://127.0.0.1:9/v1", "--runner", "ray"]
    assert cli.main(["batch", str(pictures), *arguments]) == 1
    assert "needs the package ray" in capsys.readouterr().err


@pytest.fixture(scope="module")
def cluster():
    """Start a Ray cluster of one node with one CPU by `ray start`; yield its address."""
    ray = Path(sys.executable).with_name("ray")
    port = free_port()
    environment = os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    arguments = ["start", "--head", "--num-cpus=1", f"--port={port}", "--include-dashboard=false"]
    subprocess.run([ray, *arguments], env=environment, check=True, capture_output=True)
    yield f"127.0.0.1:{port}"
    subprocess.run([ray, "stop", "--force"], check=False, capture_output=True)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:99999"])
def test_a_ray_cluster_that_does_not_answer_raises_bad_input(pictures, tmp_path, address):
    with pytest.raises(BadInput, match="No Ray cluster answers at"):
        batch.process(pictures, "?", tmp_path / "out", endpoints="http://127.0.0.1:9/v1", address=address)


@pytest.mark.xdist_group("ray")  # the cluster takes half a minute to start
@pytest.mark.parametrize("named", [True, False], ids=["by its address", "by RAY_ADDRESS"])
def test_a_folder_becomes_a_table_on_a_ray_cluster(pictures, tmp_path, server, cluster, named):
    """The job runs in its own process, because Daft allows one runner per process."""
    options = {"address": cluster} if named else {"runner": "ray"}
    call = f"import sys; from vlnb import batch; batch.process(*sys.argv[1:4], endpoints=sys.argv[4], **{options})"
    arguments = [pictures, "?", tmp_path / "out", server()[0]]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": cluster}
    subprocess.run([sys.executable, "-c", call, *map(str, arguments)], env=environment, check=True, capture_output=True)
    table = batch.read(tmp_path / "out").frame()
    assert len(table) == table["path"].nunique() == 24
    assert table["error"].isna().all()


def test_an_answer_that_violates_the_schema_is_kept_with_a_note(tmp_path, engine, receipt):
    folder = tmp_path / "pictures"
    folder.mkdir()
    receipt.picture.image.save(folder / "a.png")
    schema = {"type": "object", "properties": {"tip": {"type": "number"}}, "required": ["tip"]}
    ask = partial(batch.process, folder, "Extract.", tmp_path / "out", schema=schema, endpoints=engine.base_url)
    (row,) = ask().frame().to_dict("records")
    assert pd.isna(row["error"])
    assert row["note"].startswith("tip: the schema requires it, but the model says that it is not on the picture")
    assert ask().new_rows == 0, "it would only be violated again"


def test_a_schema_adds_columns(tmp_path, engine, receipt):
    folder = tmp_path / "receipts"
    folder.mkdir()
    receipt.picture.image.save(folder / "receipt.png")
    table = batch.process(folder, "Extract.", tmp_path / "out", schema=SCHEMA, endpoints=engine.base_url).frame()
    assert {"total", "items", "text", "text_"} <= set(table.columns)
    assert table["total"].tolist() == [17_000]


def test_a_request_file_is_answered_in_the_openai_batch_format(tmp_path, server, capsys):
    def line(name, **body):
        request = {"messages": [{"role": "user", "content": [{"type": "text", "text": name}]}], **body}
        return json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": request})

    file = tmp_path / "in.jsonl"
    file.write_text("\n".join([line("b"), "", line("a"), line("c", n=[2])]) + "\n", "utf-8-sig")  # as Windows writes it
    url, _ = server()
    assert cli.main(["batch", str(file), "--out", str(tmp_path / "out"), "--url", url]) == 1  # n is refused
    assert "2 answered, 1 failed" in capsys.readouterr().err
    good = [json.loads(text) for text in (tmp_path / "out" / "in_output.jsonl").read_text().splitlines()]
    assert [answer["custom_id"] for answer in good] == ["b", "a"]
    for answer in good:  # it has vLLM's fields, and OpenAI's own model accepts it
        for place, (needed, other) in VLLM.items():
            assert {*needed.split()} <= at(answer, place).keys() <= {*needed.split(), *other.split()}
        assert (answer["error"], answer["response"]["status_code"]) == (None, 200)
        body = ChatCompletion.model_validate(answer["response"]["body"], strict=True)
        assert body.choices[0].message.content == answering.answer(answer["custom_id"])
    (bad,) = [json.loads(text) for text in (tmp_path / "out" / "in_errors.jsonl").read_text().splitlines()]
    assert (bad["custom_id"], bad["response"]) == ("c", None)
    assert bad.keys() == {*VLLM[""][0].split()}
    assert bad["error"]["message"] == "n: a batch returns one text answer a request. Remove this field."

    file.write_text(line("a") + "\n" + line("a") + "\n")
    with pytest.raises(BadInput, match="repeats the custom_id 'a' of line 1"):
        batch.process(file, "", tmp_path / "out", endpoints=url)
