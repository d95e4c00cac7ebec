"""What is sent to a server for a question about a clip: frames with their times, or the whole file."""

import base64
import json

import pytest

import vlnb
from vlnb import samples, video

SAMPLE = samples.clip(4, words=2, seed=1)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
ANSWER = HEAD + b'data: {"choices": [{"delta": {"content": "Yes"}}]}\n\ndata: [DONE]\n\n'


@pytest.fixture
def recorded(raw_server, monkeypatch):
    """An endpoint, and a list of the requests that were sent to it."""
    sent = []
    original = vlnb.Endpoint._receive

    async def receive(self, http, request, *rest):
        sent.append(request)
        return await original(self, http, request, *rest)

    monkeypatch.setattr(vlnb.Endpoint, "_receive", receive)
    return vlnb.Endpoint(raw_server(lambda connection: connection.sendall(ANSWER)), "Qwen2.5-VL-7B"), sent


def test_frames_are_sent_as_pictures_after_their_times(recorded):
    endpoint, sent = recorded
    clip = video.frames(SAMPLE.data)
    reply = endpoint.ask("When?", clip)
    *frames, question = sent[0]["messages"][0]["content"]
    assert question == {"type": "text", "text": "When?"}
    assert [part["text"] for part in frames[::2]] == [f"t = {index / 2:.2f} s:" for index in range(8)]
    assert all(part["image_url"]["url"].startswith("data:image/jpeg;base64,") for part in frames[1::2])
    assert reply.seen_sizes == tuple(frame.picture.size for frame in clip.frames)


def test_a_video_may_be_given_as_a_path(recorded, tmp_path):
    endpoint, sent = recorded
    (tmp_path / "a clip.mp4").write_bytes(SAMPLE.data)
    endpoint.ask("When?", str(tmp_path / "a clip.mp4"))
    assert len(sent[0]["messages"][0]["content"]) == 2 * 8 + 1


def test_video_url_sends_the_file_and_warns(recorded):
    endpoint, sent = recorded
    reply = endpoint.ask("When?", video.header(SAMPLE.data), way="video_url")
    part, _ = sent[0]["messages"][0]["content"]
    assert base64.b64decode(part["video_url"]["url"].partition(",")[2]) == SAMPLE.data
    assert "times come out 12 times too short: see vlnb.video.check" in reply.note
    with pytest.raises(vlnb.BadInput, match="Unknown way 'film'"):
        endpoint.ask("When?", video.header(SAMPLE.data), way="film")
    assert "base64" not in json.dumps(reply.as_dict())


def test_the_embedded_engine_reads_clips(endpoint):
    clip = video.frames(SAMPLE.data)
    start, end, word = SAMPLE.events[0]
    (found,) = video.events(endpoint.ask(f'When is "{word}" shown?', clip).text, 4)
    assert found.label == word
    assert start <= found.start_s <= start + 0.5
    assert end - 0.5 <= found.end_s <= end
    assert word in endpoint.ask(f"What is shown at {found.start_s:g} s?", clip).text
    assert "I cannot see" in endpoint.ask("When does the dog jump?", clip).text
    listed = video.events(endpoint.ask("Describe what happens.", clip).text, 4)
    assert [item.label for item in listed] == [event[2] for event in SAMPLE.events]


def test_the_embedded_engine_says_that_it_accepts_no_video_file(endpoint):
    with pytest.raises(vlnb.ServerRefused, match=r"takes no video_url\. Send frames as pictures"):
        endpoint.ask("When?", video.header(SAMPLE.data), way="video_url")


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"image_tokens": 5}, 5),
        ({"video_tokens": 7}, 7),
        ({"image_tokens": 5, "video_tokens": 7}, 12),
        ({"video_tokens": None}, None),
    ],
)
def test_video_tokens_count_as_picture_tokens(details, expected):
    reported = {"prompt_tokens": 20, "completion_tokens": 1, "prompt_tokens_details": details}
    assert vlnb.endpoint.Usage.of(reported).image_tokens == expected
