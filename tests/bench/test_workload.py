"""The published workloads exactly, and the request bodies that a workload produces."""

import base64
import io
import json

import pytest
from PIL import Image

from vlnb import BadInput, catalog
from vlnb.bench import bodies
from vlnb.bench.workload import PUBLISHED, Workload, arrivals, lengths, texts


@pytest.mark.parametrize(("name", "run"), [("latency", catalog.LATENCY_RUN), ("throughput", catalog.THROUGHPUT_RUN)])
def test_the_published_workloads_give_the_published_token_counts(name, run):
    workload = PUBLISHED[name]
    assert sum(lengths(workload)[1]) == run.output_tokens
    assert workload.vision_tokens == run.input_vision_tokens
    assert (workload.prompts, workload.concurrency) == (run.prompts, run.concurrency)


def test_a_range_ratio_of_one_gives_fixed_lengths():
    inputs, outputs = lengths(Workload(prompts=3, range_ratio=1.0, input_len=7, output_len=9))
    assert (inputs, outputs) == ([7, 7, 7], [9, 9, 9])


def test_arrivals_match_the_rate_and_are_reproducible():
    workload = Workload(prompts=2000, rate=10)
    due = arrivals(workload)
    assert due == sorted(due) == arrivals(workload)
    assert due[0] == 0
    assert due[-1] == pytest.approx(200, rel=0.1)
    assert arrivals(Workload()) is None


def test_texts_have_the_requested_length_and_differ():
    workload = Workload(prompts=5)
    prompts = texts(workload, [20] * 5)
    assert [len(text.split()) for text in prompts] == [20] * 5
    assert len(set(prompts)) == 5


def pictures(body):
    content = json.loads(bytes(body) + bodies.ending())["messages"][0]["content"]
    uris = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    return [Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) for uri in uris]


def test_a_body_is_a_request_with_pictures_that_differ():
    workload = Workload(prompts=3, images=2, resolution="90x60")
    payloads = bodies.make(workload, "m", [0, 1, 2, 3])
    request = json.loads(bytes(payloads[1]) + bodies.ending())
    assert request["model"] == "m"
    assert request["max_tokens"] == lengths(workload)[1][1]
    assert request["stream"]
    assert request["ignore_eos"]
    assert request["stream_options"] == {"include_usage": True}
    reduced = json.loads(bytes(payloads[1]) + bodies.ending({"ignore_eos", "stream_options"}))
    assert not {"ignore_eos", "stream_options"} & reduced.keys()
    shown = [picture for request in range(4) for picture in pictures(payloads[request])]
    assert {picture.size for picture in shown} == {(90, 60)}
    assert len({picture.tobytes() for picture in shown}) == 8


def body_of(workload, request, wanted=None):
    payloads = bodies.make(workload, "m", wanted or [request])
    return bytes(payloads[request])


def test_the_same_request_has_the_same_body_when_a_run_is_resumed():
    workload = Workload(prompts=9, images=1, resolution="60x60")
    assert body_of(workload, 7, range(9)) == body_of(workload, 7, [4, 7])


def test_pictures_may_be_absent_blank_or_read_from_a_file(tmp_path):
    assert pictures(body_of(Workload(images=0), 0)) == []
    (blank,) = pictures(body_of(Workload(images=1, picture="blank", resolution="60x60"), 0))
    assert blank.convert("L").getextrema() == (255, 255)
    Image.new("RGB", (100, 50), "red").save(tmp_path / "own.png")
    (own,) = pictures(body_of(Workload(images=1, picture=str(tmp_path / "own.png")), 0))
    assert own.size == (112, 56)


def test_the_tokens_of_the_users_own_pictures_are_unknown():
    assert Workload(picture="/data/scan.png").vision_tokens is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompts": 0}, "prompts=0"),
        ({"rate": 0}, "rate=0"),
        ({"range_ratio": 2}, "range_ratio=2"),
        ({"resolution": "huge"}, "Choose 360p"),
        ({"resolution": "²x²"}, "Choose 360p"),
        ({"resolution": "3000x10"}, "200"),
        ({"ramp_s": -1}, "ramp_s"),
        ({"seed": -1}, "seed=-1 must be between 0 and 4,294,967,295"),
        ({"seed": 2**32}, "seed=4294967296 must"),
        ({"resolution": "70000x400"}, "resolution=70000x400 must have at most 65,500 pixels on a side"),
        ({"resolution": "100000x100000"}, "and 89,000,000 in all"),
        ({"resolution": "10000x10000"}, "and 89,000,000 in all"),
    ],
)
def test_invalid_workload_options_raise_bad_input(options, words):
    with pytest.raises(BadInput, match=words):
        Workload(**options)


def test_a_missing_picture_file_raises_bad_input():
    with pytest.raises(BadInput, match="nowhere"):
        bodies.make(Workload(picture="nowhere.png"), "m", [0])


def test_a_picture_may_be_given_as_a_url(web):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "PNG")
    web.pages["/a.png"] = (200, "image/png", buffer.getvalue())
    payloads = bodies.make(Workload(prompts=1, images=1, picture=f"{web.address}/a.png"), "m", [0])
    assert b"base64," in bytes(payloads[0])


def test_pictures_of_a_folder_are_taken_in_turn(tmp_path):
    for name, colour in (("b.ppm", "blue"), ("a.png", "red"), ("notes.txt", None)):
        Image.new("RGB", (64, 64), colour).save(tmp_path / name) if colour else (tmp_path / name).touch()
    plan = Workload(prompts=2, images=1, picture=str(tmp_path))
    payloads = bodies.make(plan, "m", [0, 1, 2])
    first, second, third = (bytes(payloads[i]).split(b"base64,")[1].split(b'"')[0] for i in range(3))
    assert first == third != second
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="contains no picture"):
        bodies.make(Workload(images=1, picture=str(tmp_path / "empty")), "m", [0])
