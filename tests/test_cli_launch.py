"""`vlnb plan`, `launch`, `stop` and `doctor LOGFILE`."""

import json
from pathlib import Path

import pytest

from vlnb import cli

LOGS = Path(__file__).parent / "data" / "logs"


def test_the_command_alone_on_standard_output(capsys):
    assert cli.main(["plan", "--gpu", "MI300X", "--size", "72B"]) == 0
    out, err = capsys.readouterr()
    assert out.replace("\\\n  ", "") == (
        "python -m sglang.launch_server --model Qwen/Qwen2.5-VL-72B-Instruct --tp 8 --context-length 128000\n"
    )
    assert err.startswith("verified by the cookbook\n")
    assert "2.86 M tokens of cache" in err


@pytest.mark.parametrize(
    ("form", "words"), [("docker", "docker run"), ("compose", "services:"), ("kubernetes", "kind:")]
)
def test_other_forms(form, words, capsys):
    assert cli.main(["plan", "--gpu", "MI355X", "--size", "7B", "--as", form]) == 0
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "--gpu", "MI300X", "--size", "7B", "--tp", "8"], "28 text heads"),
        (["plan", "--gpu", "A100", "--size", "7B"], "MI300X, MI325X, MI355X"),
        (["plan", "--gpu", "MI300X", "--size", "7B", "--sglang", "0.5.23", "--as", "docker"], "No public image"),
        (["stop"], "no server that was launched from here"),
        (["doctor", "no-such.log"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_status_1_and_a_sentence(arguments, words, capsys):
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err


def test_launch_refuses_a_machine_without_a_gpu(capsys):
    assert cli.main(["launch", "--gpu", "MI300X", "--size", "3B"]) == 1
    err = capsys.readouterr().err
    assert "No AMD GPU was found" in err
    assert "--force" in err


def test_doctor_reads_a_log(capsys):
    assert cli.main(["doctor", str(LOGS / "port_in_use.log"), "--json"]) == 1
    (found, *_) = json.loads(capsys.readouterr().out)
    assert found["cause"] == "port_in_use"
    assert set(found) == {"cause", "line", "advice"}
    assert cli.main(["doctor", str(LOGS / "sound.log")]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
