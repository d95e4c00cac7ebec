"""The cost of the MMMU harness itself: 900 questions in MMMU's format against a server that answers at once.

    make bench

Prints seconds and the peak memory of the harness's own process, with 64 concurrent questions.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.accuracy.mmmu.rows import rows

QUESTIONS, CONCURRENCY = 900, 64
HARNESS = """
import json, psutil, sys, time
import vlnb
from vlnb.accuracy import mmmu
began = time.perf_counter()
questions = mmmu.load(folder=sys.argv[1])
loaded = time.perf_counter() - began
def own():
    seen = psutil.Process().memory_info()  # without what is mapped from disk, which the system takes back at will
    return (seen.rss - seen.shared) / 1e6
before, most = own(), 0.0
def watch(progress):
    global most
    most = max(most, own())
began = time.perf_counter()
run = mmmu.run(questions, vlnb.Endpoint(sys.argv[2], "oracle"), sys.argv[3], concurrency=int(sys.argv[4]), watch=watch)
asked = time.perf_counter() - began
began = time.perf_counter()
for rules in ("official", "strict", "lenient"):
    mmmu.scores(run, rules)
print(json.dumps({
    "questions": len(run.answers), "failed": len(run.missing), "load s": loaded, "ask s": asked,
    "grade by three rules s": time.perf_counter() - began, "MB loaded": before,
    "MB largest": most,
}))
"""


def folder_of_questions(folder: Path) -> float:
    """Write 30 Parquet files with 30 questions each, each with a soft photograph of 1,000 x 750; return its MB."""
    import datasets
    import numpy as np
    from PIL import Image

    from vlnb.accuracy.mmmu import SUBJECTS

    templates, rng = rows(), np.random.default_rng(0)
    images = {f"image_{n}": datasets.Image(decode=False) for n in range(1, 8)}
    features = datasets.Features({name: images.get(name, datasets.Value("string")) for name in templates[0]})
    for subject in SUBJECTS:
        subject_rows = []
        for n in range(QUESTIONS // len(SUBJECTS)):
            photo = Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)).resize((1000, 750))
            buffer = io.BytesIO()
            photo.save(buffer, "JPEG", quality=95)
            row = templates[n % len(templates)]
            subject_rows.append(
                {**row, "id": f"validation_{subject}_{n}", "image_1": {"bytes": buffer.getvalue(), "path": ""}}
            )
        (folder / subject).mkdir()
        datasets.Dataset.from_list(subject_rows, features=features).to_parquet(
            folder / subject / "validation-0.parquet"
        )
    return sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, began = Path(name), time.perf_counter()
        (folder / "mmmu").mkdir()
        size = folder_of_questions(folder / "mmmu")
        print(f"{QUESTIONS} questions, {size:.0f} MB of Parquet, made in {time.perf_counter() - began:.0f} s")
        command = [sys.executable, "-m", "tests.bench.answering"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
            try:
                command = [
                    sys.executable,
                    "-c",
                    HARNESS,
                    str(folder / "mmmu"),
                    url,
                    str(folder / "run"),
                    str(CONCURRENCY),
                ]
                environment = {**os.environ, "VLNB_CACHE": str(folder / "cache")}
                result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
            finally:
                server.kill()
        for label, value in json.loads(result.stdout.splitlines()[-1]).items():
            print(f"{label:<26}{value:10.1f}")


if __name__ == "__main__":
    main()
