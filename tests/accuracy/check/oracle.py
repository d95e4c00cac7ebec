"""A fake server that recognises the check's pictures by their pixels and answers correctly, or shows a chosen fault.

It uses only the pictures that arrive, so it does not recognise one that was dropped, rotated or blackened on the way.
Coordinates are pixels of the picture at the size at which Qwen2.5-VL sees it, after the fault has changed it.
"""

import base64
import functools
import http.server
import io
import itertools
import json
import threading

import numpy as np
from PIL import Image

from vlnb.accuracy.check.tasks import tasks as draw
from vlnb.images import smart_resize
from vlnb.regions.shapes import scaled

FAULTS = (
    "drop", "swap", "resize", "thousand", "repeat", "schema", "noise", "stale", "restless", "mute", "drowned", "fenced",
    "loop", "token", "polite",  # polite: response_format is ignored, but the model still answers in JSON
)  # fmt: skip
tasks = functools.lru_cache(maxsize=2)(draw)
_SIDE = 48  # pixels, of the small grey copies by which pictures are recognised
_MAX_DIFFERENCE = 6.0  # mean difference in grey level between copies of the same picture


class Oracle(http.server.ThreadingHTTPServer):
    """Use as a context manager: `with Oracle(seed, fault) as server: connect(server.address)`."""

    daemon_threads = True

    def __init__(self, seed, fault="", *, owner=None, usage=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault, self.last, self.owner, self.usage = fault, "", owner, usage and json.loads(usage)
        self.counter = itertools.count()
        self.known = [(_small(p.image), task, n) for task in tasks(seed) for n, p in enumerate(task.pictures, 1)]
        self.address = f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def answer(self, request):
        """Return (text, finish reason, prompt tokens)."""
        content = request["messages"][-1]["content"]
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        question = " ".join(part["text"] for part in parts if part["type"] == "text")
        pictures = [self.decode(part["image_url"]["url"]) for part in parts if part["type"] == "image_url"]
        if self.fault == "drop":
            pictures = []
        if self.fault == "swap":
            pictures.reverse()
        if self.fault == "resize":
            pictures = [picture.resize((picture.width // 2, picture.height // 2)) for picture in pictures]
        sizes = [smart_resize(*picture.size) for picture in pictures]
        count = 30 + len(question.split()) + sum(w * h // 784 + 2 for w, h in sizes)
        if "any word" in question and self.fault not in ("schema", "polite"):
            (word,) = request["response_format"]["json_schema"]["schema"]["properties"]["word"]["enum"]
            return json.dumps({"word": word}), "stop", count
        text = self.text_for(question, pictures, sizes, schema="response_format" in request)
        if self.fault == "stale":
            text, self.last = self.last or text, text
        if self.fault == "restless" and not text.startswith("{"):
            text += "." * (1 + next(self.counter) % 7)
        if self.fault == "token":  # each picture is replaced by three words
            count = 30 + len(question.split()) + 3 * len(pictures)
        return self.with_fault(text, count, request)

    def with_fault(self, text, count, request):
        """Return the answer as the fault changes it: (text, finish reason, prompt tokens)."""
        if self.fault == "loop":
            return "so it is so " * 60, "length", count
        if self.fault == "mute":
            return "", "stop", count
        if self.fault == "repeat":
            return (f"{text} " * 160)[: 4 * request["max_tokens"]], "length", count
        if "response_format" in request and self.fault == "drowned":
            return "{" + "\n\t " * 100, "length", count
        if "response_format" in request and self.fault == "fenced":
            text = f"```json\n{text}\n```"
        return text, "stop", count

    def decode(self, uri):
        return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")

    def text_for(self, question, pictures, sizes, *, schema):
        if self.fault in ("noise", "token"):
            return "elm saw 3 quite"
        recognised = [self.recognise(picture) for picture in pictures]
        if not recognised or recognised[0] is None:
            return "I see nothing that I know."
        task, _ = recognised[0]
        if task.skill == "order":
            order = [number for _, number in recognised]
            return str(order.index(int(task.truth)) + 1)
        if task.box:
            sent_size, space = task.pictures[0].size, sizes[0]
            if self.fault == "thousand":
                space = (1000, 1000)
            box = scaled(task.box, space[0] / sent_size[0], space[1] / sent_size[1])
            return json.dumps([{"bbox_2d": [round(side) for side in box.corners], "label": task.truth}])
        if schema and self.fault != "schema":
            return json.dumps({"code": task.truth, "paper": "light"})
        return f"It is {task.truth}." if task.skill in ("schema", "twice") else task.truth

    def recognise(self, picture):
        small = _small(picture)
        distance, task, number = min(
            ((np.abs(small - other).mean(), task, number) for other, task, number in self.known),
            key=lambda match: match[0],
        )
        return (task, number) if distance < _MAX_DIFFERENCE else None


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_json({"data": [{"id": "oracle", **({"owned_by": self.server.owner} if self.server.owner else {})}]})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text, reason, count = self.server.answer(request)
        token_counts = {"prompt_tokens": count, "completion_tokens": len(text.split()), "total_tokens": 0}
        usage = token_counts if self.server.usage is None else self.server.usage
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "oracle"}
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
        lines = [{**chunk, "choices": [choice]}, {**chunk, "choices": [], "usage": usage}]
        body = "".join(f"data: {json.dumps(line)}\n\n" for line in lines) + "data: [DONE]\n\n"
        self.send(body.encode(), "text/event-stream")

    def send_json(self, data):
        self.send(json.dumps(data).encode(), "application/json")

    def send(self, body, content_type):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _small(image):
    return np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32)
