"""Every rendered form, checked by the tool that reads it: a shell, shellcheck, docker-compose, Kubernetes' schemas."""

import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from vlnb import BadInput, catalog
from vlnb.launch import plan, render

PLANS = [
    plan(gpu, size, **options)
    for gpu, size in itertools.product(catalog.GPUS, catalog.MODELS)
    for options in ({}, {"gpus": 4, "goal": "throughput", "mem_fraction": 0.85})
]


def arguments_of(command, **environment):
    """Let a real shell parse a command, and return the arguments that it would pass."""
    script = f"{sys.executable} -c 'import json, sys; print(json.dumps(sys.argv[1:]))' " + command
    result = subprocess.run(
        ["/bin/sh", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"VLNB_API_KEY": "s", "HOME": "/home/me"} | environment,
    )
    return json.loads(result.stdout)


def shellcheck(text, tmp_path):
    path = tmp_path / "command.sh"
    path.write_text(text if text.startswith("#!") else "#!/bin/sh\n" + text)
    tool = Path(sys.executable).with_name("shellcheck")
    result = subprocess.run([tool, path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("form", ["shell", "docker"])
def test_shellcheck_accepts_the_commands(form, tmp_path):
    shellcheck("\n".join(render(p, form) for p in PLANS), tmp_path)
    shellcheck(render(PLANS[0], form, host="0.0.0.0", port=8000, image='my/it\'s "q" é;'), tmp_path)


@pytest.mark.parametrize("form", ["slurm", "nodes"])
def test_shellcheck_accepts_the_scripts_for_several_nodes(form, tmp_path):
    shellcheck(render(plan("MI300X", "72B"), form, nodes=2), tmp_path)


def test_the_shell_runs_the_plans_command():
    for chosen in PLANS:
        assert arguments_of(render(chosen)) == chosen.argv()
        assert arguments_of(render(chosen, host="::1", port=8000)) == chosen.argv(host="::1", port=8000)


def test_a_container_is_reachable_only_from_this_machine():
    for chosen in PLANS:
        words = shlex.split(render(chosen, "docker"))
        assert words[words.index("--publish") + 1] == "127.0.0.1:30000:30000"
        assert "HF_TOKEN" in words, "by name, not by value"
        assert "--privileged" not in words


def test_a_container_is_published_on_the_address_and_port_that_are_asked_for():
    words = shlex.split(render(PLANS[0], "docker", host="::1", port=8000))
    assert words[words.index("--publish") + 1] == "[::1]:8000:30000"
    assert words[words.index("--port") + 1] == "30000", "in the container"
    service = yaml.safe_load(render(PLANS[0], "compose", host="::1", port=8000))["services"]["vlnb"]
    assert service["ports"] == ["[::1]:8000:30000"]


def test_the_name_of_an_image_is_quoted_as_the_form_needs():
    image = "my/it's:$(id)"
    assert image in shlex.split(render(PLANS[0], "docker", image=image)), "a shell must not run it"
    assert yaml.safe_load(render(PLANS[0], "compose", image=image))["services"]["vlnb"]["image"] == image


@pytest.mark.parametrize("form", ["shell", "docker"])
def test_a_public_address_requires_a_key(form, tmp_path):
    text = render(PLANS[0], form, host="0.0.0.0")
    assert "VLNB_API_KEY:?" in text
    result = subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True, check=False, env={"PATH": "/none"})
    assert result.returncode != 0
    assert "set it to a secret" in result.stderr


@pytest.mark.parametrize("form", ["docker", "compose", "kubernetes"])
def test_the_image_fits_the_gpu_unless_one_is_given(form):
    assert "lmsysorg/sglang:v0.5.6-rocm700-mi30x" in render(plan("MI325X", "7B"), form)
    assert "lmsysorg/sglang:v0.5.6-rocm700-mi35x" in render(plan("MI355X", "7B"), form)
    assert "my/image:1" in render(PLANS[0], form, image="my/image:1")


def commands(text):
    """Yield the command of every container in a Compose file or a manifest."""
    for document in yaml.safe_load_all(text):
        pod = document.get("spec", {}).get("template", {}).get("spec", {})
        yield from (item["command"] for item in [*document.get("services", {}).values(), *pod.get("containers", [])])


@pytest.mark.parametrize("form", ["compose", "kubernetes"])
def test_the_file_has_the_plans_command_and_no_unfilled_placeholder(form):
    for chosen in PLANS:
        text = render(chosen, form)
        (command,) = commands(text)
        words = chosen.argv(host="0.0.0.0")
        assert command == words + (["--api-key", "$(VLNB_API_KEY)"] if form == "kubernetes" else [])
        assert not re.search(r"\$[A-Z]", text.replace('="$VLNB_API_KEY"', "").replace('="$HF_TOKEN"', ""))


@pytest.mark.skipif(
    not shutil.which("docker-compose"), reason="docker-compose is not installed (apt-get install docker-compose)"
)
@pytest.mark.parametrize("options", [{}, {"host": "0.0.0.0"}, {"host": "::1", "port": 8000}])
def test_docker_compose_accepts_the_file(options, tmp_path):
    (tmp_path / "compose.yml").write_text(render(PLANS[1], "compose", **options))
    environment = {"RENDER_GID": "109", "HOME": "/home/me", "VLNB_API_KEY": "s", "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        ["docker-compose", "-f", tmp_path / "compose.yml", "config"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert result.returncode == 0, result.stderr
    service = yaml.safe_load(result.stdout)["services"]["vlnb"]
    assert service["command"][:3] == ["python", "-m", "sglang.launch_server"]
    assert ("--api-key" in service["command"]) == (options == {"host": "0.0.0.0"})


def test_kubernetes_schemas_accept_the_manifest():
    import kubernetes_validate

    for chosen in PLANS:
        documents = list(yaml.safe_load_all(render(chosen, "kubernetes")))
        assert [document["kind"] for document in documents] == ["Deployment", "Service", "PersistentVolumeClaim"]
        for document in documents:
            kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_the_pod_may_run_on_tainted_gpu_nodes():
    deployment = next(yaml.safe_load_all(render(PLANS[0], "kubernetes")))
    (toleration,) = deployment["spec"]["template"]["spec"]["tolerations"]
    assert toleration == {"key": "amd.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def test_the_startup_probe_gives_72b_an_hour():
    deployment = next(yaml.safe_load_all(render(plan("MI300X", "72B"), "kubernetes")))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    probe = container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 3600
    assert container["resources"]["limits"] == {"amd.com/gpu": "8"}
    assert all("valueFrom" in variable for variable in container["env"])


def test_replicas_put_one_server_per_node_behind_the_router():
    expected = [PLANS[0].argv(host="0.0.0.0"), plan("MI355X", "72B", gpus=8, tp=2).argv(host="0.0.0.0")]
    for chosen, command in zip((PLANS[0], plan("MI355X", "72B", gpus=8, tp=2)), expected, strict=True):
        text = render(chosen, "replicas", nodes=16, image="my/image:1")
        servers, router, *others = yaml.safe_load_all(text)
        (server,) = servers["spec"]["template"]["spec"]["containers"]
        assert servers["spec"]["replicas"] == 16
        assert (server["image"], server["command"]) == ("my/image:1", [*command, "--api-key", "$(VLNB_API_KEY)"])
        assert server["resources"]["limits"]["amd.com/gpu"] == str(chosen.gpus)
        (line,) = router["spec"]["template"]["spec"]["containers"][0]["args"]
        assert "--selector app=vlnb " in line
        assert servers["spec"]["template"]["metadata"]["labels"] == {"app": "vlnb"}
        assert [document["kind"] for document in others] == ["ServiceAccount", "Role", "RoleBinding", "Service"]


def test_smg_accepts_the_router_settings_of_every_form(tmp_path):
    """The real smg parses the arguments: it refuses any that it does not know."""
    _, router, *_ = yaml.safe_load_all(render(PLANS[0], "replicas", nodes=2))
    line = router["spec"]["template"]["spec"]["containers"][0]["args"][0].partition("exec ")[2]
    slurm = render(PLANS[0], "slurm", nodes=2).replace("\\\n", "").partition("\nsmg ")[2]
    for args in (line.removeprefix("smg "), slurm.partition(" &")[0]):
        smg = Path(sys.executable).with_name("smg")
        result = subprocess.run(
            ["/bin/bash", "-c", f"{smg} {args} --help"], capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        assert "VLNB" not in result.stderr


@pytest.mark.parametrize("form", ["replicas", "leaderworkerset"])
def test_kubernetes_schemas_accept_manifests_for_several_nodes(form):
    import kubernetes_validate

    for chosen in (plan("MI300X", "72B"), plan("MI355X", "72B", gpus=8, tp=2)):
        for document in yaml.safe_load_all(render(chosen, form, nodes=2)):
            if document["kind"] == "LeaderWorkerSet":  # a custom kind that consists of two pod templates
                parts = document["spec"]["leaderWorkerTemplate"]
                for name in ("leaderTemplate", "workerTemplate"):
                    pod = {"apiVersion": "v1", "kind": "Pod", **parts[name]}
                    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
            else:
                kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_one_model_can_span_two_nodes():
    text = render(plan("MI300X", "72B"), "nodes", nodes=2)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    words = arguments_of("\n".join(lines), RANK="1", HEAD="10.0.0.1")
    flags = dict(zip(words[3::2], words[4::2], strict=True))
    assert (flags["--tp"], flags["--nnodes"], flags["--node-rank"]) == ("16", "2", "1")
    assert flags["--dist-init-addr"] == "10.0.0.1:20000"
    assert flags["--api-key"] == "s", "other machines reach it"
    group = next(yaml.safe_load_all(render(plan("MI300X", "72B"), "leaderworkerset", nodes=2)))
    for name in ("leaderTemplate", "workerTemplate"):
        (container,) = group["spec"]["leaderWorkerTemplate"][name]["spec"]["containers"]
        assert container["command"][: len(words) - 6] == words[:-6]
        assert container["resources"]["limits"]["amd.com/gpu"] == "8"


@pytest.mark.parametrize(
    ("form", "port", "expected"),
    [
        ("nodes", 31000, ["on port 31000.", "--port 31000"]),
        ("nodes", 20000, ["--port 20000", "{HEAD:?set it to the first node}:20001", "keep port 20001"]),
        (
            "slurm",
            31000,
            ["on port 31000 of the first.", "--host 0.0.0.0 --port 31000 ", "http://${hosts[0]}:31000/v1"],
        ),
        ("slurm", 30000, ["on port 30100 of the first.", "http://$host:30000", "--port 30100 "]),
    ],
)
def test_a_script_for_several_nodes_answers_on_the_port_that_it_names(form, port, expected):
    text = render(plan("MI300X", "72B"), form, nodes=2, port=port)
    assert [excerpt for excerpt in expected if excerpt not in text] == []


REFUSED = [
    ({"form": "cloud"}, "shell, docker, compose, kubernetes, slurm"),
    ({"port": 0}, "Port 0"),
    ({"form": "nodes", "nodes": 3}, "3 nodes cannot hold one 3B: 3 GPUs do not"),
    ({"form": "leaderworkerset"}, "nodes=1 does not go with the form 'leaderworkerset'"),
    ({"form": "docker", "nodes": 2}, "nodes=2 does not go with the form 'docker'"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_invalid_render_options_are_refused(options, words):
    with pytest.raises(BadInput, match=words):
        render(PLANS[0], **options)
