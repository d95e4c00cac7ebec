"""A plan as something to paste: a shell command, Docker, Compose, or Kubernetes.

Safe by default: the server is reached from this machine alone, unless the person asks for more and an API key is set.
Secrets are named, never written: HF_TOKEN and the API key come from the environment, or from a Kubernetes secret.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Literal, get_args

from vlnb.errors import BadInput
from vlnb.local import is_loopback

if TYPE_CHECKING:
    from vlnb.launch.planning import Plan

Form = Literal["shell", "docker", "compose", "kubernetes"]

PORT = 30000  # SGLang's own default
_START_MINUTES = 60  # a first start downloads up to 147 GB and compiles kernels for ten minutes
_KEY = "VLNB_API_KEY"
_CACHE = "/root/.cache/huggingface"
# Images after 0.5.15 are dated: only those that were seen are known. Source: SGLang's ROCm Dockerfile, InferenceX 2904.
_DATED = {
    ("0.5.18", "mi30x"): "lmsysorg/sglang-rocm:v0.5.18-rocm724-mi30x-20260825",
    ("0.5.19", "mi35x"): "lmsysorg/sglang-rocm:v0.5.19-rocm720-mi35x-20260908",
}
_LAST_UNDATED = (0, 5, 15, 1)
_ROCM720_FROM = (0, 5, 9)


def render(
    plan: Plan,
    form: Form = "shell",
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    model_path: str | None = None,
    image: str | None = None,
    name: str = "vlnb",
) -> str:
    """Return `plan` in one of four forms, ready to paste.

    `model_path` replaces the hub's name by a local folder; `image` is used in place of the one that GPU and version
    name. A `host` other than this machine makes the form ask for an API key in $VLNB_API_KEY.
    Raises `BadInput` for an unknown form, and for a version whose image is not known.
    """
    if form not in get_args(Form):
        raise BadInput(f"There is no form {form!r}; there are {', '.join(get_args(Form))}.")
    if not 1 <= port <= 65535:
        raise BadInput(f"Port {port} does not exist; ports are 1 to 65535.")
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
        raise BadInput(f"{name!r} cannot name a container: use small letters, digits and dashes, 63 at most.")
    if (
        model_path is not None
        and form in {"docker", "compose"}
        and (":" in model_path or not model_path.startswith("/"))
    ):
        raise BadInput(f"The model folder {model_path!r} cannot be mounted: give a full path without a colon.")
    public = not is_loopback(host)
    command = _with_model(plan, model_path)
    if form == "shell":
        return _shell(command, host, port, public=public)
    image = image or image_for(plan)
    if form == "docker":
        return _docker(command, host, port, image, name, model_path, public=public)
    if form == "compose":
        return _yaml(_compose(command, host, port, image, name, model_path, public=public))
    return _kubernetes(plan, command, port, image, name, model_path)


def image_for(plan: Plan) -> str:
    """Return the public ROCm image for the plan's GPU and SGLang version. Raises `BadInput` where none is known."""
    tag = plan.gpu.image_tag
    if dated := _DATED.get((plan.sglang, tag)):
        return dated
    version = _version(plan.sglang)
    if version > _LAST_UNDATED:
        known = ", ".join(f"{v} ({t})" for v, t in _DATED)
        raise BadInput(
            f"No public image of SGLang {plan.sglang} for {plan.gpu.name} ({tag}) is known. Up to 0.5.15.post1 they"
            f" follow a pattern, later ones are dated: {known}. Pass image=…, or plan with sglang='0.5.6'."
        )
    rocm = "rocm720" if version >= _ROCM720_FROM else "rocm700"
    return f"lmsysorg/sglang:v{plan.sglang}-{rocm}-{tag}"


def _version(text: str) -> tuple[int, ...]:
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:\.post(\d+))?", text)
    if not found:
        raise BadInput(f"{text!r} is no version of SGLang; they look like 0.5.6 or 0.5.6.post2.")
    return tuple(int(part or 0) for part in found.groups())


def _with_model(plan: Plan, model_path: str | None) -> list[str]:
    command = list(plan.command)
    if model_path is not None:
        command[command.index("--model") + 1] = model_path
    return command


def _shell(command: list[str], host: str, port: int, *, public: bool) -> str:
    words = list(command)
    if host != "127.0.0.1" or port != PORT:
        words += ["--host", host, "--port", str(port)]
    return _lines([shlex.join(words[:3]), *_pairs(words[3:])], key=public)


def _pairs(words: list[str]) -> list[str]:
    """Put each flag with its value on one line."""
    return [shlex.join(words[i : i + 2]) for i in range(0, len(words), 2)]


def _lines(parts: list[str], *, key: bool = False) -> str:
    """Return one command over several lines; with `key` it refuses to run without an API key."""
    if key:
        parts = [*parts, f'--api-key "${{{_KEY}:?set it to a secret of your choice}}"']
    return " \\\n  ".join(parts) + "\n"


def _docker(
    command: list[str], host: str, port: int, image: str, name: str, model_path: str | None, *, public: bool
) -> str:
    parts = [
        "docker run --rm",
        f"--name {name}",
        "--device=/dev/kfd --device=/dev/dri",
        # The host's own numbers: a group of the same name can have another number in the image.
        '--group-add "$(getent group video | cut -d: -f3)" --group-add "$(getent group render | cut -d: -f3)"',
        "--ipc=host --shm-size=16g",
        "--cap-add=SYS_PTRACE --security-opt seccomp=unconfined",
        f"--publish {shlex.quote(_published(host, port))}",
        f'--volume "$HOME/.cache/huggingface:{_CACHE}"',
        *([f"--volume {shlex.quote(f'{model_path}:{model_path}:ro')}"] if model_path else []),
        "--env HF_TOKEN",
        shlex.quote(image),
        shlex.join(command[:3]),
        *_pairs([*command[3:], "--host", "0.0.0.0", "--port", str(PORT)]),  # noqa: S104 - inside the container
    ]
    return _lines(parts, key=public)


def _published(host: str, port: int) -> str:
    return f"[{host}]:{port}:{PORT}" if ":" in host else f"{host}:{port}:{PORT}"


def _compose(
    command: list[str], host: str, port: int, image: str, name: str, model_path: str | None, *, public: bool
) -> dict[str, Any]:
    words = [*command, "--host", "0.0.0.0", "--port", str(PORT)]  # noqa: S104 - inside the container
    words = [word.replace("$", "$$") for word in words]  # Compose reads $ as a variable
    if public:
        words += ["--api-key", f"${{{_KEY}:?set it to a secret of your choice}}"]
    volumes = [f"${{HOME}}/.cache/huggingface:{_CACHE}"]
    if model_path:
        volumes.append(f"{model_path}:{model_path}:ro".replace("$", "$$"))
    service = {
        "image": image,
        "command": words,
        "devices": ["/dev/kfd", "/dev/dri"],
        "group_add": ["${VIDEO_GID:-44}", "${RENDER_GID:?set it: getent group render | cut -d: -f3}"],
        "ipc": "host",
        "shm_size": "16gb",
        "cap_add": ["SYS_PTRACE"],
        "security_opt": ["seccomp:unconfined"],
        "ports": [_published(host, port)],
        "volumes": volumes,
        "environment": ["HF_TOKEN"],
        "healthcheck": {
            "test": ["CMD", "curl", "--fail", "--silent", f"http://127.0.0.1:{PORT}/health"],
            "interval": "30s",
            "timeout": "10s",
            "start_period": f"{_START_MINUTES}m",
        },
    }
    return {"services": {name: service}}


def _kubernetes(plan: Plan, command: list[str], port: int, image: str, name: str, model_path: str | None) -> str:
    words = [word.replace("$(", "$$(") for word in command]  # Kubernetes reads $(…) as a variable
    words += ["--host", "0.0.0.0", "--port", str(PORT), "--api-key", f"$({_KEY})"]  # noqa: S104 - inside the pod
    secret = {"name": name, "optional": False}
    probe = {"httpGet": {"path": "/health", "port": "http"}, "timeoutSeconds": 10}
    mounts = [{"name": "cache", "mountPath": _CACHE}, {"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108
    volumes: list[dict[str, Any]] = [
        {"name": "cache", "persistentVolumeClaim": {"claimName": f"{name}-cache"}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}},
    ]
    if model_path:
        mounts.append({"name": "model", "mountPath": model_path})
        volumes.append({"name": "model", "hostPath": {"path": model_path, "type": "Directory"}})
    container = {
        "name": "sglang",
        "image": image,
        "command": words,
        "env": [
            {"name": _KEY, "valueFrom": {"secretKeyRef": {**secret, "key": "api-key"}}},
            {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": name, "key": "hf-token", "optional": True}}},
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {"limits": {"amd.com/gpu": str(plan.tensor_parallel * plan.replicas)}},
        # Loading may take an hour (download, first kernel build): no other probe counts until this one passes.
        "startupProbe": {**probe, "periodSeconds": 10, "failureThreshold": 6 * _START_MINUTES},
        "readinessProbe": {**probe, "periodSeconds": 10},
        "livenessProbe": {**probe, "periodSeconds": 30, "failureThreshold": 10},
        "volumeMounts": mounts,
    }
    labels = {"app": name}
    documents = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": volumes}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {
                "type": "ClusterIP",
                "selector": labels,
                "ports": [{"name": "http", "port": port, "targetPort": "http"}],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": f"{name}-cache"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": f"{round(1.5 * plan.model.weight_bytes / 1e9) + 20}Gi"}},
            },
        },
    ]
    head = (
        "# First, the secret (its values stay out of this file):\n"
        f'#   kubectl create secret generic {name} --from-literal=api-key="${_KEY}"'
        ' --from-literal=hf-token="$HF_TOKEN"\n'
    )
    return head + "---\n".join(_yaml(document) for document in documents)


def _yaml(data: dict[str, Any]) -> str:
    import yaml

    class Plain(yaml.SafeDumper):
        """Writes what occurs twice twice: people edit manifests by hand, and anchors surprise them."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
            return True

    text: str = yaml.dump(data, Dumper=Plain, sort_keys=False, width=1000)
    return text
