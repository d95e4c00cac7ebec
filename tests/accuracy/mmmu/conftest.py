import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

import vlnb
from tests.accuracy.mmmu.rows import rows
from vlnb.accuracy import mmmu

ROOT = Path(__file__).parent.parent.parent.parent


@contextlib.contextmanager
def answering(*options):
    """Start a server that answers at once in a separate process, and yield (its endpoint, the process)."""
    command = [sys.executable, "-m", "tests.bench.answering", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            address = f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
            yield vlnb.Endpoint(address, "oracle"), process
        finally:
            process.kill()


@pytest.fixture(scope="session")
def oracle():
    with answering() as (endpoint, _):
        yield endpoint


@pytest.fixture(scope="session")
def drawn():
    return mmmu.drawn()


@pytest.fixture(scope="session")
def parquet(tmp_path_factory):
    """Return a folder of Parquet files laid out like MMMU's on the hub, with three drawn questions in each subject."""
    import datasets

    folder = tmp_path_factory.mktemp("mmmu")
    images = {f"image_{n}": datasets.Image(decode=False) for n in range(1, 8)}
    all_rows = rows()
    texts = {name: datasets.Value("string") for name in all_rows[0] if name not in images}
    for number, subject in enumerate(("Art", "Art_Theory", "Math", "Physics")):
        chosen = [{**row, "id": f"validation_{subject}_{n}"} for n, row in enumerate(all_rows[6 * number :][:3], 1)]
        (folder / subject).mkdir()
        table = datasets.Dataset.from_list(chosen, features=datasets.Features(texts | images))
        table.to_parquet(folder / subject / "validation-00000-of-00001.parquet")
        table.to_parquet(folder / subject / "test-00000-of-00001.parquet")  # decoy: the hub's test split has no answers
    return folder
