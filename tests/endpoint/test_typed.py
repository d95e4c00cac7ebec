"""`ask` with a schema: against the embedded engine, and against servers that do not enforce it."""

import http.server
import json
import re
import threading
from decimal import Decimal

import pytest
from pydantic import BaseModel

import vlnb
from vlnb import Endpoint
from vlnb.markup import BAD
from vlnb.regions import Box
from vlnb.typed.evidence import Evidence
from vlnb.typed.view import view


class Receipt(BaseModel):
    shop: str
    grand_total: Decimal
    change_due: Decimal
    tip: Decimal | None = None


def test_a_receipt_becomes_an_instance_with_a_place_for_each_value(endpoint, receipt):
    reply = endpoint.ask("Extract the data.", receipt.picture, schema=Receipt)
    assert reply.data == Receipt(shop="Auntie Anne's", grand_total=Decimal(17000), change_due=Decimal(3000))
    assert reply.issues == ()
    for name in ("shop", "grand_total", "change_due"):
        assert vlnb.regions.iou(reply.evidence[name].box, receipt.truth.fields[name]) > 0.7
    assert "tip" not in reply.evidence
    assert reply.as_dict()["data"]["grand_total"] == "17000"


def test_a_stream_with_a_schema_ends_in_a_typed_reply(endpoint, receipt):
    stream = endpoint.stream("Extract the data.", receipt.picture, schema=Receipt)
    assert json.loads("".join(stream))["grand_total"] == "17,000"
    assert stream.reply.data.grand_total == 17000


def test_the_view_marks_field_and_place_and_escapes_the_models_text(endpoint, receipt):
    reply = endpoint.ask("Extract the data.", receipt.picture, schema=Receipt)
    html = reply.as_html()
    assert len(re.findall(r'data-v="1"', html)) == 2, "the field and its place"
    assert "nowhere" not in html
    assert ">17,000 = 17000<" in html, "the parsed value is shown beside the printed text"
    assert ">Auntie Anne&#x27;s<" in html, "but not where both are the same"
    assert " = " not in view({"count": "12"}, {"count": 12}, {}, ()), "one amount is not shown twice"
    markup = "<img src=x onerror=alert(1)>"
    escaped = view({"shop": markup}, {"shop": markup}, {"shop": Evidence("shop", markup, "nowhere")}, reply.pictures)
    assert "<img src=x" not in escaped
    assert "nowhere on the picture" in escaped


@pytest.mark.parametrize(
    ("value", "how", "text", "words"),
    [
        ("5.00", "exact", "5.00", "as printed"),
        ("5.00", "typed", "5,00", "the same value as 5,00"),
        ("Harbor", "fuzzy", "Harbour", "read as Harbour"),
        ("5.00", "ambiguous", "5.00", "one of several such places"),
        ("5.00", "nowhere", "", "nowhere on the picture"),
        (True, None, "", "–"),
        (None, None, "", "not on the picture"),
    ],
)
def test_the_view_says_how_each_value_was_found_and_only_nowhere_in_red(value, how, text, words):
    found = {"tip": Evidence("tip", value, how, text)} if how else {}
    html = view({"tip": value}, {"tip": value}, found, ())
    assert re.findall("<td[^>]*>(.*?)</td>", html) == ["tip", "–" if value is None else str(value), words]
    assert (BAD in html) == (how == "nowhere")


def test_the_view_marks_a_place_on_its_own_picture_only(receipt):
    found = {"tip": Evidence("tip", "5", "exact", "5.", Box(10, 20, 30, 40), picture=1)}
    first, second = view({"tip": "5"}, {"tip": "5"}, found, [receipt.picture] * 2).split("<img")[1:]
    assert "data-v" not in first
    marks = re.findall('(?:data-v|title|aria-label)="[^"]*"', second)
    assert marks == ['data-v="0"', 'title="tip: 5."', 'aria-label="tip: 5."']


def test_the_view_embeds_no_more_pixels_than_it_shows(receipt):
    large = vlnb.images.load(receipt.picture.image.resize((3840, 4920)))
    assert len(view({}, {}, {}, (large,))) < len(vlnb.images.data_uri(large)) / 2


@pytest.mark.parametrize("prompt", [7, b"what?", None])
def test_a_prompt_that_is_not_a_text_raises_bad_input(endpoint, prompt):
    with pytest.raises(vlnb.BadInput):
        endpoint.ask(prompt, schema=Receipt)


def test_the_records_of_a_reply_become_a_table(endpoint):
    class Item(BaseModel):
        description: str
        amount: Decimal

    class Invoice(BaseModel):
        total: Decimal
        items: list[Item]

    invoice = vlnb.samples.invoice(0)
    reply, fields = endpoint.ask("Extract.", invoice.picture, schema=Invoice), invoice.truth.fields
    for table in (reply.frame(), reply.frame("items")):
        assert list(table["description"]) == [fields[f"items[{row}].description"].text for row in range(6)]
        assert list(table["amount"]) == [Decimal(n) for n in "41.50 103.75 14814.72 49.90 12.50 30".split()]
    with pytest.raises(vlnb.BadInput, match="no list of records at 'rows'"):
        reply.frame("rows")


class Chain(BaseModel):
    total: Decimal | None = None
    next: "Chain | None" = None


def test_a_record_within_itself_ends_with_null(endpoint):
    reply = endpoint.ask("Extract.", vlnb.samples.invoice(0).picture, schema=Chain)
    assert reply.data == Chain(total=Decimal("18062.84"), next=None)


def test_a_reply_without_a_list_of_records_has_no_table(endpoint, receipt):
    reply = endpoint.ask("Extract.", receipt.picture, schema=Receipt)
    with pytest.raises(vlnb.BadInput, match="no list of records"):
        reply.frame()


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            for piece in self.server.pieces(request):
                self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.server.hung_up.set()


def chunk(text, finish=None):
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


@pytest.fixture
def server():
    """Start a server that streams the given pieces; return its endpoint and the server."""
    servers = []

    def start(pieces):
        stub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        stub.daemon_threads = True
        stub.pieces, stub.hung_up = pieces, threading.Event()
        threading.Thread(target=stub.serve_forever, daemon=True).start()
        servers.append(stub)
        return Endpoint(f"http://127.0.0.1:{stub.server_port}/v1", "m"), stub

    yield start
    for stub in servers:
        stub.shutdown()
        stub.server_close()


def test_endless_white_space_is_cut_off_early_and_explained(server):
    def pieces(_):
        yield chunk('{"shop": "A"')
        for _ in range(200_000):
            yield chunk("\n    ")

    endpoint, stub = server(pieces)
    reply = endpoint.ask("Extract.", schema=Receipt)
    assert stub.hung_up.wait(10)
    assert reply.printed == {"shop": "A"}
    assert "--constrained-json-disable-any-whitespace" in str(reply.issues[0])
    assert not reply.whole
    assert not reply.valid


@pytest.mark.parametrize(
    ("text", "finish", "whole", "valid"),
    [
        ('{"shop": "A", "grand_total": "3", "change_due": "0"}', "stop", True, True),
        ('{"shop": null, "grand_total": "3", "change_due": "0"}', "stop", True, False),
        ('{"shop": "A", "grand_total": "3"', "length", False, False),
        ("The shop is A.", "stop", False, False),
    ],
    ids=["valid", "violation", "cut", "no JSON"],
)
def test_a_reply_says_whether_it_is_whole_and_valid(server, text, finish, whole, valid):
    reply = server(lambda _: [chunk(text, finish)])[0].ask("Extract.", schema=Receipt)
    assert (reply.whole, reply.valid) == (whole, valid)


def test_a_schema_that_is_refused_inside_a_stream_raises_server_refused(server):
    error = {"error": {"message": "Failed to compile json schema: Unsupported keyword uniqueItems", "code": 400}}
    endpoint, _ = server(lambda _: [error])
    with pytest.raises(vlnb.ServerRefused, match=r"refuses the JSON schema of this request.*uniqueItems"):
        endpoint.ask("Extract.", schema=Receipt)


def test_a_server_that_ignores_the_schema_is_detected(server):
    def chatty(_):
        return [chunk('Of course! {"word": "tree"}', "stop")]

    def enforcing(request):
        (word,) = request["response_format"]["json_schema"]["schema"]["properties"]["word"]["enum"]
        return [chunk(f'{{ "word":"{word}"}}', "stop")]

    assert not server(chatty)[0].enforces_schemas
    assert not server(lambda _: [chunk(" ", "stop")])[0].enforces_schemas
    assert server(enforcing)[0].enforces_schemas


def test_the_embedded_engine_enforces_schemas(endpoint):
    assert endpoint.enforces_schemas


def test_the_schema_is_sent_in_the_request_and_in_the_prompt(server):
    requests = []
    endpoint, _ = server(lambda request: requests.append(request) or [chunk('{"shop": null}', "stop")])
    reply = endpoint.ask(vlnb.prompts.read(), schema=Receipt)
    (request,) = requests
    sent = request["response_format"]["json_schema"]["schema"]
    assert sent["required"] == ["shop", "grand_total", "change_due", "tip"]
    assert json.dumps(sent, ensure_ascii=False) in request["messages"][-1]["content"][-1]["text"]
    assert [(issue.path, issue.kind) for issue in reply.issues if issue.path == "shop"] == [("shop", "violation")]
    assert "not on the picture" in str(reply.issues[0])
