"""A plan in a form to paste: a shell command, Docker, Compose, or Kubernetes.

Safe by default: only this machine can reach the server, unless you choose another host, which requires an API key.
Secrets are named, never written: HF_TOKEN and the API key come from the environment, or from a Kubernetes secret.
"""

from __future__ import annotations

import re
import shlex
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, get_args

from vlnb import extras
from vlnb.errors import BadInput
from vlnb.launch.planning import HOST, PORT
from vlnb.local import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlnb.launch.planning import Plan

Form = Literal["shell", "docker", "compose", "kubernetes"]

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
    host: str = HOST,
    port: int = PORT,
    model_path: str | None = None,
    image: str | None = None,
    name: str = "vlnb",
) -> str:
    """Return `plan` in one of four forms, ready to paste.

    `model_path`, a local folder, replaces the name on the hub; `image` replaces the image that the GPU and the version
    of SGLang imply. With a `host` other than this machine, the form requires an API key in $VLNB_API_KEY.
    Raises `BadInput` for an argument that cannot work, and for a version whose image is not known.
    """
    if form not in get_args(Form):
        raise BadInput(f"Unknown form {form!r}. Choose {', '.join(get_args(Form))}.")
    if not 1 <= port <= 65535:
        raise BadInput(f"Port {port} does not exist. Ports are 1 to 65535.")
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
        raise BadInput(f"{name!r} cannot name a container. Use up to 63 lower-case letters, digits and dashes.")
    mounted = form in {"docker", "compose"} and model_path is not None
    if mounted and (":" in str(model_path) or not str(model_path).startswith("/")):
        raise BadInput(f"The model folder {model_path!r} cannot be mounted. Give an absolute path without a colon.")
    public = not is_loopback(host)
    if form == "shell":
        return _lines(_by_flag(plan.argv(host=host, port=port, model_path=model_path)), key=public)
    image = image or image_for(plan)
    words = plan.argv(host="0.0.0.0", port=PORT, model_path=model_path)  # noqa: S104 - inside the container
    if form == "kubernetes":
        return _kubernetes(plan, words, port, image, name, model_path)
    published = f"[{host}]:{port}:{PORT}" if ":" in host else f"{host}:{port}:{PORT}"
    volume = f"{model_path}:{model_path}:ro" if model_path else None
    if form == "docker":
        return _docker(words, published, image, name, volume, public=public)
    return _compose(words, published, image, name, volume, public=public)


def image_for(plan: Plan) -> str:
    """Return the public ROCm image for the plan's GPU and SGLang version. Raises `BadInput` if none is known."""
    tag = plan.gpu.image_tag
    if dated := _DATED.get((plan.sglang, tag)):
        return dated
    version = _version(plan.sglang)
    if version > _LAST_UNDATED:
        known = ", ".join(f"{v} ({t})" for v, t in _DATED)
        raise BadInput(
            f"No public image of SGLang {plan.sglang} for {plan.gpu.name} ({tag}) is known. Names follow a pattern up"
            f" to 0.5.15.post1; of the later, dated ones these are known: {known}. Pass image=…, or sglang='0.5.6'."
        )
    rocm = "rocm720" if version >= _ROCM720_FROM else "rocm700"
    return f"lmsysorg/sglang:v{plan.sglang}-{rocm}-{tag}"


def _version(text: str) -> tuple[int, ...]:
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:\.post(\d+))?", text)
    if not found:
        raise BadInput(f"{text!r} is not a version of SGLang. Versions look like 0.5.6 or 0.5.6.post2.")
    return tuple(int(part or 0) for part in found.groups())


def _by_flag(words: list[str]) -> list[str]:
    """Return the command as shell text, in parts: the program, then each flag with its value."""
    return [shlex.join(words[:3]), *(shlex.join(words[i : i + 2]) for i in range(3, len(words), 2))]


def _lines(parts: list[str], *, key: bool) -> str:
    """Return one command over several lines; with `key` it refuses to run without an API key."""
    if key:
        parts = [*parts, f'--api-key "${{{_KEY}:?set it to a secret of your choice}}"']
    return " \\\n  ".join(parts) + "\n"


def _docker(words: list[str], published: str, image: str, name: str, volume: str | None, *, public: bool) -> str:
    parts = [
        "docker run --rm",
        f"--name {name}",
        "--device=/dev/kfd --device=/dev/dri",
        # The host's own numbers: a group of the same name can have another number in the image.
        '--group-add "$(getent group video | cut -d: -f3)" --group-add "$(getent group render | cut -d: -f3)"',
        "--ipc=host --shm-size=16g",
        "--cap-add=SYS_PTRACE --security-opt seccomp=unconfined",
        f"--publish {shlex.quote(published)}",
        f'--volume "$HOME/.cache/huggingface:{_CACHE}"',
        *([f"--volume {shlex.quote(volume)}"] if volume else []),
        "--env HF_TOKEN",
        shlex.quote(image),
        *_by_flag(words),
    ]
    return _lines(parts, key=public)


def _compose(words: list[str], published: str, image: str, name: str, volume: str | None, *, public: bool) -> str:
    words = [word.replace("$", "$$") for word in words]  # Compose reads $ as a variable
    if public:
        words += ["--api-key", f"${{{_KEY}:?set it to a secret of your choice}}"]
    service = _form("compose")
    service.update(image=image, command=words, ports=[published])
    if volume:
        service["volumes"].append(volume.replace("$", "$$"))
    return _yaml({"services": {name: service}})


def _kubernetes(plan: Plan, words: list[str], port: int, image: str, name: str, model_path: str | None) -> str:
    words = [word.replace("$(", "$$(") for word in words]  # Kubernetes reads $(…) as a variable
    known = {
        "NAME": name,
        "NAME-cache": f"{name}-cache",
        "PORT": port,
        "GPUS": str(plan.tensor_parallel * plan.replicas),
        "STORAGE": f"{round(1.5 * plan.model.weight_bytes / 1e9) + 20}Gi",
    }
    documents = _filled(_form("kubernetes"), known)
    pod = documents[0]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    container.update(image=image, command=[*words, "--api-key", f"$({_KEY})"])
    if model_path:
        container["volumeMounts"].append({"name": "model", "mountPath": model_path})
        pod["volumes"].append({"name": "model", "hostPath": {"path": model_path, "type": "Directory"}})
    head = (
        "# First, the secret (its values stay out of this file):\n"
        f'#   kubectl create secret generic {name} --from-literal=api-key="${_KEY}"'
        ' --from-literal=hf-token="$HF_TOKEN"\n'
    )
    return head + "---\n".join(_yaml(document) for document in documents)


def _form(name: str) -> Any:  # noqa: ANN401 - YAML
    """Return a skeleton of `forms/`: everything that no plan changes."""
    extras.require("launch", "This form")
    import yaml

    return yaml.safe_load(resources.files("vlnb.launch").joinpath(f"forms/{name}.yaml").read_text("utf-8"))


def _filled(data: Any, known: Mapping[str, object]) -> Any:  # noqa: ANN401 - YAML
    """Return a copy of a skeleton with its placeholders replaced."""
    if isinstance(data, dict):
        return {key: _filled(value, known) for key, value in data.items()}
    if isinstance(data, list):
        return [_filled(value, known) for value in data]
    return known.get(data, data) if isinstance(data, str) else data


def _yaml(data: dict[str, Any]) -> str:
    import yaml

    class Plain(yaml.SafeDumper):
        """Repeats a value that occurs twice: people edit manifests by hand, and anchors surprise them."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
            return True

    text: str = yaml.dump(data, Dumper=Plain, sort_keys=False, width=1000)
    return text
