"""Environment variables of other programs: a proxy, a certificate file."""

import pytest

import vlnb

PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in (*PROXIES, *map(str.lower, PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


BAD = [
    ("ALL_PROXY", "socks5://127.0.0.1:9"),
    ("all_proxy", "socks://127.0.0.1:9"),
    ("HTTPS_PROXY", "ftp://127.0.0.1:9"),
    ("SSL_CERT_FILE", "/nonexistent/certificates.pem"),
]


@pytest.mark.parametrize(("name", "value"), [*BAD, ("HTTP_PROXY", "http://127.0.0.1:9")])
def test_local_servers_are_reached_whatever_the_variables_contain(monkeypatch, engine, receipt, web, name, value):
    monkeypatch.setenv(name, value)
    endpoint = vlnb.connect(engine.base_url, announce=None)
    assert endpoint.ask("What is the cash?", receipt.picture).text.startswith("20,000")
    web.pages["/no.png"] = (404, "text/plain", b"")
    with pytest.raises(vlnb.BadInput, match="404"):
        vlnb.images.load(f"{web.address}/no.png")


@pytest.mark.parametrize(("name", "value"), BAD)
@pytest.mark.parametrize(
    "use",
    [
        lambda address: vlnb.connect(address, announce=None),
        lambda address: vlnb.Endpoint(address, "m").ask("?"),
        lambda address: vlnb.images.load(f"{address}/a.png"),
    ],
    ids=["connect", "ask", "load"],
)
def test_the_error_for_a_remote_server_names_the_faulty_variable(monkeypatch, name, value, use):
    monkeypatch.setenv(name, value)
    with pytest.raises(vlnb.BadInput, match=f"^{name} in the environment cannot be used"):
        use("https://server.invalid/v1")


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda address: vlnb.connect(address, announce=None), "cannot be reached .*port must be"),
        (lambda address: vlnb.Endpoint(address, "m").ask("?"), "port must be"),
        (lambda address: vlnb.images.load(f"{address}/a.png"), "cannot be reached"),
    ],
    ids=["connect", "ask", "load"],
)
def test_a_proxy_at_a_port_that_does_not_exist_ends_in_a_sentence(monkeypatch, use, words):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:99999")
    with pytest.raises(vlnb.VlnbError, match=words):
        use("http://server.invalid/v1")
