"""`vlnb plan`, `launch`, `stop` and `doctor LOGFILE`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.launch.test_render import arguments_of
from vlnb import cli, launch
from vlnb.panels import Launch

LOGS = Path(__file__).parent / "data" / "logs"


def test_plan_prints_only_the_command_on_standard_output(capsys):
    assert cli.main(["plan", "--gpu", "MI300X", "--size", "72B"]) == 0
    out, err = capsys.readouterr()
    assert out.replace("\\\n  ", "") == (
        "python -m sglang.launch_server --model Qwen/Qwen2.5-VL-72B-Instruct --tp 8 --context-length 128000\n"
    )
    assert err.startswith("verified by the cookbook\n")
    assert "2.86 M tokens of cache" in err


@pytest.mark.parametrize(
    ("form", "excerpt"), [("docker", "docker run"), ("compose", "services:"), ("kubernetes", "kind:")]
)
def test_plan_prints_docker_compose_and_kubernetes_forms(form, excerpt, capsys):
    assert cli.main(["plan", "--gpu", "MI355X", "--size", "7B", "--as", form]) == 0
    assert excerpt in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "excerpt"),
    [
        (["plan", "--gpu", "MI300X", "--size", "7B", "--tp", "8"], "28 text heads"),
        (["plan", "--gpu", "A100", "--size", "7B"], "MI300X, MI325X, MI355X"),
        (["plan", "--gpu", "MI300X", "--size", "72B", "--gpus", "1"], "does not start. 72B fits with"),
        (["stop"], "no server that was launched from here"),
        (["doctor", "no-such.log"], "cannot be read"),
    ],
)
def test_an_impossible_request_exits_with_status_1_and_a_message(arguments, excerpt, capsys):
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert excerpt in err


def test_plan_describes_the_command_for_several_nodes(capsys):
    assert cli.main(["plan", "--gpu", "MI300X", "--size", "72B", "--as", "nodes", "--nodes", "2"]) == 0
    out, err = capsys.readouterr()
    assert "--tp 16" in out
    assert err.startswith("ours, not verified: --tp 16 instead of 8; with --nnodes 2\n  --tp 16: 16 GPUs hold one copy")


def test_two_nodes_hold_a_model_that_one_cannot(capsys):
    arguments = ["plan", "--gpu", "MI300X", "--size", "72B", "--gpus", "1", "--as", "nodes", "--nodes", "2"]
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert "--nnodes 2" in out
    assert "72B fits" in err


def test_launch_refuses_a_machine_without_a_gpu(capsys):
    assert cli.main(["launch", "--gpu", "MI300X", "--size", "3B"]) == 1
    err = capsys.readouterr().err
    assert "No AMD GPU was found" in err
    assert "--force" in err


SGLANG = """
import http.server, json, os, sys
json.dump(sys.orig_argv, open(os.environ["SEEN"], "w"))
print("The server is fired up and ready to roll!", flush=True)
class Health(http.server.SimpleHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Health).serve_forever()
"""


@pytest.fixture
def fake_sglang(tmp_path, monkeypatch):
    """Replace SGLang by a module that records the arguments it was started with."""
    (tmp_path / "sglang").mkdir()
    (tmp_path / "sglang" / "launch_server.py").write_text(SGLANG)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen.json"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "seen.json"
    for server in launch.servers():
        server.stop(timeout_s=1)


@pytest.fixture
def port():
    return free_port()


@pytest.mark.parametrize("model", ['/data/it\'s a \\ "model"; $HOME', "/data/a\\\nb"])
def test_launch_starts_the_command_that_plan_prints(fake_sglang, port, model, capsys):
    options = ["--gpu", "MI300X", "--size", "72B", "--port", str(port)]
    assert cli.main(["plan", *options]) == 0
    shown = arguments_of(capsys.readouterr().out)
    command = [sys.executable, "-m", "vlnb", "launch", *options, "--force", "--python", sys.executable]
    command += ["--model-path", model]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    started = json.loads(fake_sglang.read_text())
    assert started == [sys.executable, *shown[1:4], model, *shown[5:]]
    assert started[-2:] == ["--port", str(port)]


def test_the_panel_starts_the_command_that_it_shows(fake_sglang, port, monkeypatch):
    monkeypatch.setattr(launch, "preflight", lambda _: [])  # as if this machine had the GPUs
    panel = Launch(size="32B", port=port)
    shown = arguments_of(launch.render(panel.plan, port=port))
    assert f"--port {port}" in panel.command.value
    panel.start()
    server = panel.server
    assert server.wait(60).state == "ready"
    server.stop(timeout_s=1)
    assert json.loads(fake_sglang.read_text()) == [sys.executable, *shown[1:]]


def test_doctor_diagnoses_a_log_file(capsys):
    assert cli.main(["doctor", str(LOGS / "port_in_use.log"), "--json"]) == 1
    (finding, *_) = json.loads(capsys.readouterr().out)
    assert finding["cause"] == "port_in_use"
    assert set(finding) == {"cause", "line", "advice"}
    assert cli.main(["doctor", str(LOGS / "sound.log")]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
