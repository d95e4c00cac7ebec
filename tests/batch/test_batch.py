"""A batch as people run it: real pictures, a real server, processes that are killed."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from openai.types.chat import ChatCompletion
from PIL import Image

from tests.bench import answering
from vlnb import batch, cli
from vlnb.errors import BadInput
from vlnb.local import listen

ROOT = Path(__file__).parent.parent.parent
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}, "text": {"type": "string"}, "items": {"type": "array", "items": {"type": "string"}}}}  # fmt: skip  # noqa: E501

# The fields of an answer in vLLM 0.33.0 (entrypoints: launchers/run_batch.py, openai/chat_completion/protocol.py):
# which must be there, and which may be. Our lines were validated by those classes themselves when this was written.
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


@pytest.fixture
def server():
    """Start a server that answers, with the options of `tests.bench.answering`; gives its address."""
    started = []

    def start(*words):
        line = [sys.executable, "-m", "tests.bench.answering", *words]
        started.append(subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=ROOT))
        return f"http://127.0.0.1:{started[-1].stdout.readline().strip()}/v1", started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def test_a_folder_becomes_a_table_and_nothing_is_asked_twice(pictures, tmp_path, server):
    url, _ = server()
    found = batch.process(pictures, "What is it?", tmp_path / "out", endpoints=url)
    table = found.frame()
    assert [Path(path).name for path in table["path"]] == [f"p{number:02}.png" for number in range(24)]
    assert set(table["text"]) == {answering.answer("What is it?")}
    assert table["error"].isna().all()
    assert set(pd.read_parquet(found.folder)["key"]) == set(table["key"])  # any tool reads the folder

    shards = sorted(found.folder.glob("*.parquet"))
    again = batch.process(pictures, "What is it?", tmp_path / "out", endpoints=url)
    assert sorted(again.folder.glob("*.parquet")) == shards

    other = batch.process(pictures, "And this?", tmp_path / "out", endpoints=url)
    assert set(other.frame()["text"]) == {answering.answer("And this?")}
    assert again.frame().equals(table)


@pytest.mark.parametrize("moment", [0.0, 0.4, 1.0])
def test_kill_9_loses_no_row(pictures, tmp_path, server, moment):
    slow, quick = server("--delay", "0.6")[0], server()[0]  # a busy machine may be late to kill it
    out = tmp_path / "out"
    words = ["batch", pictures, "--prompt", "?", "--out", out, "--url", slow, "--concurrency", "2"]
    running = subprocess.Popen([sys.executable, "-m", "vlnb", *map(str, words)], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list(out.glob("*/*.parquet")) and time.monotonic() < until:
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
    assert set(kept["seconds"]) == set(before["seconds"])  # what was answered was not asked again


def test_a_bad_picture_is_one_row_with_an_error_until_it_is_gone(pictures, tmp_path, server, capsys):
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
    words = ["batch", str(pictures), "--prompt", "?", "--out", str(tmp_path / "out"), "--url", url]
    assert cli.main(words) == 1
    said = capsys.readouterr().err
    assert "24 answered, 1 failed" in said
    assert f"{pictures / 'empty.jpg'}: " in said
    (pictures / "empty.jpg").unlink()
    assert cli.main(words) == 0
    assert "Nothing new to ask: 24 answered, 0 failed" in capsys.readouterr().err
    assert cli.main([*words, "--max-tokens", "7"]) == 0  # another job
    assert "already" not in capsys.readouterr().err
    assert json.loads((batch.read(tmp_path / "out").folder / "_job.json").read_text())["options"] == {"max_tokens": 7}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nosuch", "--prompt", "?"], "There is no file nosuch"),
        (["requests.jsonl", "--prompt", "?"], "has a prompt and options of its own: leave these out"),
        (["requests.jsonl", "--max-tokens", "7"], "has a prompt and options of its own: leave these out"),
        (["bad.jsonl"], "Line 2 of {folder}/bad.jsonl is not a batch request ('method' is missing)"),
    ],
)
def test_what_is_no_source_is_said(tmp_path, server, words, sentence, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    good = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": []}}
    (tmp_path / "requests.jsonl").write_text(json.dumps(good))
    (tmp_path / "bad.jsonl").write_text(f'{json.dumps(good)}\n{{"custom_id": "b"}}')
    assert cli.main(["batch", *words, "--out", "out", "--url", server()[0]]) == 1
    assert sentence.format(folder=tmp_path) in capsys.readouterr().err


def test_a_dying_server_gives_its_rows_to_the_other(pictures, tmp_path, server):
    (first, dying), (second, _) = server("--delay", "0.05"), server("--busy", "3")
    dying.kill()
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        batch.process(pictures, "?", tmp_path / "out", endpoints=[first, second])
    from vlnb.endpoint import Endpoint

    both = [Endpoint(url, "oracle") for url in (first, second)]
    table = batch.process(pictures, "?", tmp_path / "out", endpoints=both).frame()
    assert table["error"].isna().all()
    assert set(table["server"]) == {second}


def test_with_all_servers_gone_it_ends_with_error_rows(pictures, tmp_path):
    from vlnb.endpoint import Endpoint

    gone = Endpoint("http://127.0.0.1:9/v1", "oracle")
    table = batch.process(pictures, "?", tmp_path / "out", endpoints=gone, patience_s=1.0).frame()
    assert table["error"].str.contains("No server has answered for 1 s").sum() >= 20
    assert len(table) == 24
    assert table["error"].notna().all()


@pytest.mark.skipif(importlib.util.find_spec("ray"), reason="ray is installed")
@pytest.mark.parametrize("options", [{"runner": "ray"}, {"address": "127.0.0.1:6379"}], ids=str)
def test_a_job_on_ray_without_ray_is_a_sentence(pictures, tmp_path, options):
    with pytest.raises(BadInput, match=r"needs the package ray.*pip install ray"):
        batch.process(pictures, "?", tmp_path / "out", endpoints="http://127.0.0.1:9/v1", **options)


@pytest.mark.skipif(importlib.util.find_spec("ray"), reason="ray is installed")
def test_the_command_says_so_before_it_seeks_a_server(pictures, capsys):
    words = ["--prompt", "?", "--out", "no", "--url", "http://127.0.0.1:9/v1", "--runner", "ray"]
    assert cli.main(["batch", str(pictures), *words]) == 1
    assert "needs the package ray" in capsys.readouterr().err


@pytest.fixture
def cluster():
    """Start a cluster of one node with one CPU, as `ray start` does; gives its address."""
    ray = Path(sys.executable).with_name("ray")
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    words = ["start", "--head", "--num-cpus=1", f"--port={port}", "--include-dashboard=false"]
    subprocess.run([ray, *words], env=environment, check=True, capture_output=True)
    yield f"127.0.0.1:{port}"
    subprocess.run([ray, "stop", "--force"], check=False, capture_output=True)


@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="ray is not installed (pip install ray)")
@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:99999"])
def test_a_cluster_that_does_not_answer_is_a_sentence(pictures, tmp_path, address):
    with pytest.raises(BadInput, match="No Ray cluster answers at"):
        batch.process(pictures, "?", tmp_path / "out", endpoints="http://127.0.0.1:9/v1", address=address)


@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="ray is not installed (pip install ray)")
@pytest.mark.parametrize("there", [False, True], ids=["started here", "started before"])
def test_the_same_on_a_cluster_of_ray(pictures, tmp_path, server, there, request):
    """In a process of its own, because Daft takes one runner for each."""
    how = {"address": request.getfixturevalue("cluster")} if there else {"runner": "ray"}
    call = f"import sys; from vlnb import batch; batch.process(*sys.argv[1:4], endpoints=sys.argv[4], **{how})"
    words = [pictures, "?", tmp_path / "out", server()[0]]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    subprocess.run([sys.executable, "-c", call, *map(str, words)], env=environment, check=True, capture_output=True)
    table = batch.read(tmp_path / "out").frame()
    assert len(table) == table["path"].nunique() == 24
    assert table["error"].isna().all()


def test_a_schema_makes_columns(tmp_path, engine, receipt):
    folder = tmp_path / "receipts"
    folder.mkdir()
    receipt.picture.image.save(folder / "receipt.png")
    table = batch.process(folder, "Extract.", tmp_path / "out", schema=SCHEMA, endpoints=engine.base_url).frame()
    assert {"total", "items", "text", "text_"} <= set(table.columns)
    assert table["total"].tolist() == [17_000]


def test_a_file_of_requests_comes_back_in_its_own_form(tmp_path, server, capsys):
    def line(name, **body):
        asked = {"messages": [{"role": "user", "content": [{"type": "text", "text": name}]}], **body}
        return json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": asked})

    file = tmp_path / "in.jsonl"
    file.write_text("\n".join([line("b"), "", line("a"), line("c", n=2)]) + "\n")
    url, _ = server()
    assert cli.main(["batch", str(file), "--out", str(tmp_path / "out"), "--url", url]) == 1  # one cannot be asked
    assert "2 answered, 1 failed" in capsys.readouterr().err
    good = [json.loads(one) for one in (tmp_path / "out" / "in_output.jsonl").read_text().splitlines()]
    assert [one["custom_id"] for one in good] == ["b", "a"]
    for one in good:  # vLLM's fields, and OpenAI's own reading of an answer
        for place, (needed, other) in VLLM.items():
            assert {*needed.split()} <= at(one, place).keys() <= {*needed.split(), *other.split()}
        assert (one["error"], one["response"]["status_code"]) == (None, 200)
        body = ChatCompletion.model_validate(one["response"]["body"], strict=True)
        assert body.choices[0].message.content == answering.answer(one["custom_id"])
    (bad,) = [json.loads(one) for one in (tmp_path / "out" / "in_errors.jsonl").read_text().splitlines()]
    assert (bad["custom_id"], bad["response"]) == ("c", None)
    assert bad.keys() == {*VLLM[""][0].split()}

    file.write_text(line("a") + "\n" + line("a") + "\n")
    with pytest.raises(BadInput, match="repeats the custom_id 'a' of line 1"):
        batch.process(file, "", tmp_path / "out", endpoints=url)
