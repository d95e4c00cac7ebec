"""The launcher and the client against a real SGLang server: the calls that a person makes."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait

import openai
import psutil
import pytest
from PIL import Image

import vlnb
from tests.conftest import free_port
from tests.engine.conftest import ENGINE, ENVIRONMENT, command, is_running
from tests.launch.test_render import arguments_of
from vlnb import catalog, images, launch
from vlnb.endpoint import record

SHAPES = [
    (1280, 720),
    (640, 480),
    (20, 20),
    (200, 10),
    (13, 200),
    (1000, 30),
    (333, 777),
    (97, 2011),
    (28, 28),
    (1920, 1080),
]


def test_a_started_server_reports_that_it_is_ready(sglang):
    status = sglang.status()
    assert status.state == "ready"
    assert [phase.state for phase in status.progress.phases] == ["done"] * 4
    assert launch.diagnose(sglang.read_log()) == []


def test_the_kv_cache_has_the_requested_size(sglang):
    assert "max_total_num_tokens=16384" in sglang.read_log()


@pytest.mark.alone  # another server that starts meanwhile would take memory that this one reports as its own
def test_the_memory_formula_predicts_the_servers_kv_cache(tmp_path):
    """Weights and cache share the fraction: what the server reports for its tiny model follows from our formula."""
    port, fraction = free_port(), 0.2
    argv = command("--mem-fraction-static", str(fraction), port=port)
    at = argv.index("--max-total-tokens")
    del argv[at : at + 2]
    server = launch.start(argv, port=port, environment=ENVIRONMENT, runs=tmp_path)
    try:
        server.wait(400)
        log = server.read_log()
    finally:
        server.stop()
    before = float(re.search(r"Load weight begin. avail mem=([\d.]+)", log)[1])
    after = float(re.search(r"Load weight end.*?avail mem=([\d.]+)", log)[1])
    reported = int(re.search(r"max_total_num_tokens=(\d+)", log)[1])
    reserved = re.search(r"Reserving ([\d.]+) GB of the KV budget", log)  # for pictures, since 0.5.23
    cache_bytes = (after - before * (1 - fraction) - float(reserved[1] if reserved else 0)) * 2**30
    predicted = cache_bytes / catalog.kv_token_bytes(1, 2, head_dim=32)
    assert reported == pytest.approx(predicted, rel=0.1)


@pytest.mark.parametrize("size", SHAPES)
def test_a_picture_costs_the_tokens_of_the_formula(endpoint, size):
    """The picture is sent unchanged, so that the server's own resize is measured."""
    with openai.OpenAI(base_url=endpoint.base_url, api_key="EMPTY") as client:
        uri = images.data_uri(images.load(Image.effect_noise(size, 60)))
        content = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": "hi"}]
        usage = client.chat.completions.create(
            model=endpoint.model, messages=[{"role": "user", "content": content}], max_tokens=1
        ).usage
    assert usage.prompt_tokens_details.image_tokens == images.tokens(*size)
    assert usage.prompt_tokens == images.tokens(*size) + 22


def test_the_server_does_not_resize_what_ask_sends(endpoint):
    reply = endpoint.ask("hi", Image.effect_noise((333, 777), 60), max_tokens=4)
    assert reply.usage.image_tokens == images.tokens(333, 777) == 336
    assert reply.finish_reason == "length"
    assert 0 < reply.ttft_s <= reply.latency_s


def test_a_stream_arrives_in_several_pieces(endpoint):
    assert len(list(endpoint.stream("hi", max_tokens=12))) > 1


def test_a_prompt_that_is_too_long_raises_one_clear_sentence(endpoint):
    with pytest.raises(vlnb.ServerRefused, match="did not accept the request") as caught:
        endpoint.ask("word " * 40_000)
    assert caught.value.status == 400


@pytest.mark.parametrize("old", [True, False], ids=["0.5.6", "0.5.23"])
def test_sglangs_own_parser_accepts_every_command(parse, old):
    options = ({}, {"gpus": 8}, {"gpus": 8, "goal": "throughput"}, {"mem_fraction": 0.85, "context_length": 32_000})
    plans = [
        launch.plan(gpu, size, **more) for gpu, size, more in itertools.product(catalog.GPUS, catalog.MODELS, options)
    ]
    commands = [plan.argv()[3:] for plan in plans]
    commands += [arguments_of(launch.render(plan, host="0.0.0.0", port=8000))[3:] for plan in plans[:4]]
    lines = launch.render(launch.plan("MI300X", "72B"), "nodes", nodes=2).splitlines()
    command = "\n".join(line for line in lines if not line.startswith("#"))
    commands.append(arguments_of(command, RANK="1", HEAD="10.0.0.1")[3:])
    completed = parse(commands, old=old)
    assert completed.returncode == 0, completed.stderr[-500:]
    assert len(completed.stdout.splitlines()[-len(commands) :]) == len(commands) == 53
    assert parse([["--model", "x", "--no-such-flag"]], old=old).returncode == 2


BROKEN = [
    # the cause that must be named, and the options that break the start
    ("bad_flag", ["--tensor-paralel", "2"], {}),
    ("model_not_found", [], {"model": "/nowhere/Qwen2.5-VL-7B-Instruct"}),
    ("offline", [], {"model": "Qwen/Qwen2.5-VL-7B-Instruct"}),
    # Less than none: another process may free some memory meanwhile.
    ("no_room_for_kv_cache", ["--mem-fraction-static=-1"], {"fewer": True}),
    ("context_too_long", ["--context-length", "999999"], {}),
]


@pytest.mark.parametrize(
    ("cause", "more", "options"),
    BROKEN,
    ids=["bad_flag", "model_not_found", "offline", "no_room_for_kv_cache", "context_too_long"],
)
def test_a_failed_start_names_its_cause(cause, more, options, tmp_path):
    port = free_port()
    argv = command(*more, port=port, **({"model": options["model"]} if "model" in options else {}))
    if options.get("fewer"):
        at = argv.index("--max-total-tokens")
        del argv[at : at + 2]
    server = launch.start(argv, port=port, environment=ENVIRONMENT, runs=tmp_path)
    try:
        with pytest.raises(vlnb.LaunchFailed, match=cause):
            server.wait(400)
    finally:
        server.stop()


def test_a_port_in_use_is_reported_before_anything_is_loaded(sglang, tmp_path):
    port = int(sglang.base_url.split(":")[2].split("/")[0])
    start = time.monotonic()
    with pytest.raises(vlnb.LaunchFailed, match=f"Port {port}"):
        launch.start(command(port=port), port=port, runs=tmp_path / "runs")
    assert time.monotonic() - start < 10
    assert not (tmp_path / "runs").exists()


def ask_through_router(url, count, *, after, then):
    """Ask four at a time, call `then` once `after` are answered, and return the tokens of all answers."""
    with openai.OpenAI(base_url=url, api_key="EMPTY", max_retries=0) as client, ThreadPoolExecutor(4) as pool:
        model = client.models.list().data[0].id
        conversations = [[{"role": "user", "content": f"Count to {number}."}] for number in range(count)]
        options = {"max_tokens": 24, "extra_body": {"ignore_eos": True}}
        futures = [
            pool.submit(client.chat.completions.create, model=model, messages=messages, **options)
            for messages in conversations
        ]
        wait(futures[:after])
        then()
        return [future.result().usage.completion_tokens for future in futures]


def test_a_server_outlives_its_notebook_and_leaves_nothing_behind(sglang, tmp_path, monkeypatch):
    """After a kill -9 of the process that started the server, a new one finds it and stops its whole process tree.

    While two servers are up, a router serves both: one is killed, and no request that is not streamed is lost.
    """
    port = free_port()
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom vlnb import launch\n"
        f"words, runs = {command(port=port)!r}, Path({str(tmp_path)!r})\n"
        f"launch.start(words, port={port}, environment={ENVIRONMENT!r}, runs=runs)\n"
        "print('started', flush=True); time.sleep(600)"
    )
    environment = {**os.environ, "VLNB_CACHE": str(tmp_path / "other")}
    notebook = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    assert notebook.stdout.readline() == "started\n"
    notebook.send_signal(signal.SIGKILL)
    notebook.communicate()
    monkeypatch.setenv("VLNB_CACHE", str(tmp_path / "other"))
    server = launch.find()
    assert server is not None
    server.wait(400)
    family = [process.pid for process in record.processes(server.record)]
    assert len(family) >= 3, "a scheduler and a detokenizer at least"
    router = launch.Router.start([sglang.base_url, server.base_url], port=free_port())
    try:
        lengths = ask_through_router(router.base_url, 16, after=4, then=psutil.Process(server.record.pid).kill)
    finally:
        router.stop()
    assert lengths == [24] * 16
    server.stop()
    server.stop()
    assert launch.find() is None
    assert not [pid for pid in family if is_running(pid)]
    assert ENGINE.exists()
