"""The embedded engine as a server: the real openai client, real sockets, and clients that behave badly."""

import http.client
import io
import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import openai
import pytest
from PIL import Image

import vlnb
from tests.embedded.pages import draw, unread
from vlnb import embedded, images
from vlnb.embedded.app import MAX_BODY_BYTES
from vlnb.embedded.reader import Reader
from vlnb.embedded.request import pieces
from vlnb.embedded.serve import _start, serve
from vlnb.local import listen

READ = "Read all the text in the image."


@pytest.fixture(scope="module")
def client(engine):
    with openai.OpenAI(base_url=engine.base_url, api_key="EMPTY", max_retries=0, timeout=240) as client:
        yield client


def messages(question, *pictures):
    parts = [{"type": "image_url", "image_url": {"url": images.data_uri(images.load(p))}} for p in pictures]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": question}]}]


def ask(client, question, *pictures, **options):
    return client.chat.completions.create(model=embedded.MODEL, messages=messages(question, *pictures), **options)


def post(engine, body, headers=None):
    """Send raw bytes and return (status, parsed answer)."""
    parts = urlsplit(engine.base_url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json", **(headers or {})})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def test_the_engine_lists_its_model_and_answers_the_health_check(client, engine):
    (model,) = client.models.list().data
    assert model.id == embedded.MODEL == "vlnb-embedded-ocr"
    assert get_status(engine, "/health") == 200


def get_status(engine, path):
    parts = urlsplit(engine.base_url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_engine_reads_the_whole_receipt(client, receipt):
    answer = ask(client, READ, receipt.picture)
    assert answer.choices[0].message.content == "\n".join(receipt.truth.lines)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == embedded.MODEL


def test_usage_counts_picture_tokens_as_qwen_does(client, receipt):
    usage = ask(client, READ, receipt.picture).usage
    assert usage.prompt_tokens_details.image_tokens == images.tokens(*receipt.picture.size) == 667
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    one_picture = ask(client, "hi", Image.new("RGB", (280, 280))).usage
    two_pictures = ask(client, "hi", Image.new("RGB", (280, 280)), Image.new("RGB", (280, 280))).usage
    assert two_pictures.prompt_tokens - one_picture.prompt_tokens == 100 + 2


def test_the_chunks_of_a_stream_form_the_whole_answer(client, receipt):
    count, text, finish, usage = 0, "", None, None
    for chunk in ask(client, READ, receipt.picture, stream=True, stream_options={"include_usage": True}):
        if chunk.choices:
            count += bool(chunk.choices[0].delta.content)
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
        usage = chunk.usage or usage
    assert text == "\n".join(receipt.truth.lines)
    assert finish == "stop"
    assert usage.completion_tokens == count


def test_the_first_line_is_streamed_before_the_last_is_read(client, monkeypatch):
    received, read, recognise = threading.Event(), [], Reader._recognise

    def hold(self, bgr, quads, **options):
        read.extend(quads)
        if len(read) == 12:
            assert received.wait(60), "nothing was streamed yet"
        return recognise(self, bgr, quads, **options)

    monkeypatch.setattr(Reader, "_recognise", hold)
    lines = [(40, 20 + 44 * number, f"Line {number}: {17 * number} parcels of rice", 26) for number in range(12)]
    for chunk in ask(client, READ, unread(draw((700, 560), lines)), stream=True):
        if chunk.choices and chunk.choices[0].delta.content:
            received.set()
    assert len(read) == 12


def test_a_stream_reports_no_usage_unless_it_is_requested(client, receipt):
    assert all(chunk.usage is None for chunk in ask(client, "What is the cash?", receipt.picture, stream=True))


@pytest.mark.parametrize("limit", [1, 5, 20])
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_truncates_the_answer(client, receipt, limit, field):
    answer = ask(client, READ, receipt.picture, **{field: limit})
    assert answer.usage.completion_tokens == limit
    assert answer.choices[0].finish_reason == "length"
    assert "\n".join(receipt.truth.lines).startswith(answer.choices[0].message.content)


def test_an_answer_that_fits_exactly_is_not_truncated(client, receipt):
    length = ask(client, READ, receipt.picture).usage.completion_tokens
    assert ask(client, READ, receipt.picture, max_tokens=length).choices[0].finish_reason == "stop"


@pytest.mark.parametrize("text", ["", "Total 17,000\n", "  a_b — naïve\t\n\n日本", "1234567890"])
def test_the_pieces_of_a_text_join_to_the_same_text(text):
    assert "".join(pieces(text)) == text


def test_a_question_is_answered_with_the_value_and_its_box(client, receipt):
    text = ask(client, "What is the grand total?", receipt.picture).choices[0].message.content
    value, place = text.split("\n")
    assert value == "17,000"
    box = json.loads(place[place.index("[") : place.index("]") + 1])
    truth = receipt.truth.fields["grand_total"]
    assert box == pytest.approx([truth.x1, truth.y1, truth.x2, truth.y2], abs=6)


def test_the_engine_says_what_it_cannot_do(client, receipt):
    for question in ("Describe this picture.", "How many cats are there?", "Compare the two."):
        text = ask(client, question, receipt.picture).choices[0].message.content
        assert "not Qwen2.5-VL" in text
        assert "640 x 820 pixels" in text
        assert "CINNAMON SUGAR" in text
    assert "no picture in this request" in ask(client, "Hello").choices[0].message.content
    blank = ask(client, READ, Image.new("RGB", (300, 200), "white")).choices[0].message.content
    assert blank == "[no text that I can read on this picture of 300 x 200 pixels]"


def test_answers_about_several_pictures_name_the_picture(client, receipt):
    blank = Image.new("RGB", (300, 200), "white")
    text = ask(client, READ, blank, receipt.picture).choices[0].message.content
    assert text.index("Picture 1:\n[no text") < text.index("Picture 2:\nAuntie Anne's")
    assert "of picture 2" in ask(client, "What is the change due?", blank, receipt.picture).choices[0].message.content


REFUSED = [
    # the change to a valid request, the status, words of the message
    ({"model": "Qwen/Qwen2.5-VL-7B-Instruct"}, 404, "only model is 'vlnb-embedded-ocr'"),
    ({"model": None}, 400, "model: Input should be a valid string"),
    ({"messages": []}, 400, "messages: List should have at least 1 item"),
    ({"messages": "hi"}, 400, "messages: Input should be a valid list"),
    ({"messages": [{"role": "king", "content": "hi"}]}, 400, "messages.0.role: Input should be 'system', 'developer'"),
    ({"messages": [{"role": {}, "content": "hi"}]}, 400, "messages.0.role: Input should be"),
    ({"messages": [{"role": "user", "content": 7}]}, 400, "messages.0.content: Input should be a valid list"),
    ({"messages": [{"role": "user", "content": [{"type": "video_url"}]}]}, 400, "takes no video_url. Send frames"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        400,
        "image_url.url: Field required",
    ),
    ({"max_tokens": 0}, 400, "max_tokens: Input should be greater than or equal to 1"),
    ({"max_tokens": "many"}, 400, "max_tokens: Input should be a valid integer"),
    ({"n": 2}, 400, "n: Input should be 1"),
    ({"tools": [{}]}, 400, "does not support 'tools'"),
    (
        {"response_format": {"type": "json_object"}},
        400,
        "response_format.type: Input should be 'text' or 'json_schema'",
    ),
    ({"response_format": {"type": "json_schema"}}, 400, "response_format"),
]


def image_message(url):
    return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}


def png(width, height):
    buffer = io.BytesIO()
    Image.new("1", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(data):
    return "data:image/png;base64," + __import__("base64").b64encode(data).decode()


REFUSED_PICTURES = [
    ("https://example.com/a.png", "does not open other addresses"),
    ("file:///etc/passwd", "does not open files of this machine"),
    ("/etc/passwd", "does not open"),
    ("data:image/png;base64,!!!", "Picture 1 of the request.*not valid base64"),
    (data_uri(b"no picture"), "Picture 1 of the request: it is not a picture"),
    (data_uri(png(10_000, 10_000)), "100 megapixels.*limit is 25"),
    (data_uri(png(2010, 10)), "more than 200 times the other"),
]


@pytest.mark.parametrize(("change", "status", "words"), REFUSED)
def test_a_bad_request_gets_one_clear_sentence(engine, change, status, words):
    good = {"model": embedded.MODEL, "messages": [{"role": "user", "content": "hi"}]}
    actual, answer = post(engine, json.dumps(good | change))
    assert actual == status
    assert words in answer["error"]["message"]
    assert answer["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("url", "words"), REFUSED_PICTURES)
def test_a_bad_picture_gets_one_clear_sentence(engine, client, receipt, url, words, stream):
    status, answer = post(engine, json.dumps({"model": embedded.MODEL, "stream": stream, **image_message(url)}))
    assert status == 400
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(answer["error"]["message"])
    assert ask(client, "What is the cash?", receipt.picture).choices[0].message.content.startswith("20,000")


@pytest.mark.parametrize("body", [b"", b'{"model": "vlnb-emb', b"[]", b"\xff\xfe", b"[" * 100_000])
def test_invalid_json_is_refused_and_the_engine_goes_on(engine, client, body):
    status, answer = post(engine, body)
    assert status == 400
    assert "JSON" in answer["error"]["message"]
    assert client.models.list().data


def test_a_body_of_sixty_megabytes_is_refused(engine, client):
    status, answer = post(engine, b"x" * 60_000_000)
    assert status == 413
    assert "more than 48 MB" in answer["error"]["message"]
    assert MAX_BODY_BYTES < 60_000_000
    assert client.models.list().data


def test_unknown_paths_and_methods_get_an_error_status(engine):
    assert get_status(engine, "/v1/embeddings") == 404
    assert get_status(engine, "/v1/models/gpt-5") == 404
    assert get_status(engine, "/v1/chat/completions") == 405


def test_ten_concurrent_requests_are_answered_or_asked_to_retry(client, receipt):
    def ask_once(_):
        try:
            answer = ask(client, "What is the cash?", unread(receipt.picture.image))
            return answer.choices[0].message.content.split("\n")[0]
        except openai.RateLimitError as error:
            assert int(error.response.headers["retry-after"]) >= 1
            return 429

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(ask_once, range(10)))
    assert set(results) <= {"20,000", 429}
    assert results.count("20,000") >= 9


def test_a_full_queue_refuses_further_requests(client, receipt):
    def ask_once(_):
        try:
            ask(client, READ, receipt.picture)
        except openai.RateLimitError:
            return 429
        return 200

    ask(client, READ, receipt.picture)  # from here on this picture is in the cache
    pictures = [unread(receipt.picture.image) for _ in range(8)]  # several seconds; all other requests arrive meanwhile
    with ThreadPoolExecutor(15) as pool, ask(client, READ, receipt.picture, *pictures, stream=True) as reading:
        next(reading)
        results = list(pool.map(ask_once, range(15)))
    assert results.count(200) == 8, "one request is being read, eight wait"
    assert results.count(429) == 7


def test_a_disconnected_client_frees_its_place_in_the_queue(engine, client, receipt):
    pictures = [unread(receipt.picture.image) for _ in range(40)]
    body = json.dumps({"model": embedded.MODEL, "messages": messages(READ, *pictures)}).encode()
    parts = urlsplit(engine.base_url)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    quitters = []
    for _ in range(9):  # the first request would take half a minute; together they fill the queue
        quitter = socket.create_connection((parts.hostname, parts.port))
        quitter.sendall(head + body)
        quitters.append(quitter)
    time.sleep(0.5)
    for quitter in quitters:
        quitter.close()
    time.sleep(0.5)
    start = time.perf_counter()
    patient = client.with_options(max_retries=9)  # the engine may not have noticed all of them yet
    assert ask(patient, "What is the cash?", receipt.picture).choices[0].message.content.startswith("20,000")
    assert time.perf_counter() - start < 20, "no request waits for those of disconnected clients"


def test_an_abandoned_stream_frees_its_place_in_the_queue(client, receipt):
    for _ in range(12):
        pictures = [unread(receipt.picture.image) for _ in range(9)]  # after the first picture, which is in the cache
        with ask(client, READ, receipt.picture, *pictures, stream=True) as stream:
            next(chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content)
    assert ask(client, "What is the cash?", receipt.picture).choices[0].message.content.startswith("20,000")


def test_an_api_key_protects_everything_but_the_health_check():
    guarded = _start(api_key="sesame")
    try:
        assert get_status(guarded, "/health") == 200
        assert get_status(guarded, "/v1/models") == 401
        assert post(guarded, b"{}")[0] == 401
        assert vlnb.connect(guarded.base_url, api_key="sesame", announce=None).is_embedded
        with pytest.raises(vlnb.ServerRefused, match="rejected the API key") as caught:
            vlnb.connect(guarded.base_url, api_key="open", announce=None)
        assert caught.value.status == 401
    finally:
        guarded.stop()
    assert not guarded._thread.is_alive()


def test_serving_other_machines_requires_an_api_key():
    with pytest.raises(vlnb.BadInput, match="VLNB_API_KEY"):
        serve("0.0.0.0", 0, api_key=None)


def test_a_port_in_use_raises_one_clear_sentence():
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(vlnb.LaunchFailed, match="choose another"):
        listen("127.0.0.1", listener.getsockname()[1])


def test_a_process_starts_only_one_engine(engine):
    assert embedded.start() is engine


def test_a_process_ends_only_when_the_models_are_loaded():
    """Python cannot end a thread within the libraries that load the models: the process would abort."""
    code = (
        "import time; from vlnb import embedded; from vlnb.embedded.reader import Reader\n"
        "Reader.warm_up = lambda self: (time.sleep(1), print('loaded'))\n"
        "embedded.start()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "loaded\n")
