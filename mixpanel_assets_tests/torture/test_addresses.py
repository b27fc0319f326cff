"""Credentials go to Mixpanel, or to the address that their owner says; nobody else gets them."""

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mixpanel_assets.errors import ConfigError
from mixpanel_assets.settings import Settings
from mixpanel_assets_tests.conftest import Answer
from mixpanel_assets_tests.torture.test_secrets import people

Mp = Callable[..., Answer]

URLS = [
    "http://example.com",
    "http://127.0.0.1.evil.com",
    "http://localhost.evil.com",
    "http://localhost@evil.com",
    "http://127.0.0.1:80@evil.com",
    "http://127.0.0.1\\@evil.com",
    "http://evil.com\\.localhost",
    "http://evil.com#localhost",
    "http://evil.com?localhost",
    "http://evil.com/localhost",
    "http://0.0.0.0",
    "http://2130706433",
    "http://[::ffff:1.2.3.4]",
    "http://[::1%25eth0]",
    "http://[::]",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    "http://loc\u0430lhost",
    "https://m\u0456xpanel.com",
    "https://mixpanel.com\u2044.evil.com",
    "https://mixpanel.com\u200b",
    "https://mix panel.com",
    "https://mixpanel.com%2eevil.com",
    "https://ann:s3cr3t@mixpanel.com",
    "https://:s3cr3t@mixpanel.com",
    "https://@mixpanel.com",
    "ann:s3cr3t@mixpanel.com",
    "ftp://ann:s3cr3t@mixpanel.com",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "javascript:alert(1)",
    "//mixpanel.com",
    "https://",
    "https://:443",
    "https://mixpanel.com:0x50",
    "https://mixpanel.com:99999",
    "https://mixpanel.com/api",
    "https://mixpanel.com?secret=s3cr3t",
    "https://mixpanel.com;s3cr3t",
    "unix:///var/run/x",
]


@pytest.mark.parametrize("url", URLS)
def test_an_address_that_could_mislead_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_BASE_URL", url)
    with pytest.raises(ConfigError) as raised:
        Settings.from_env()
    assert "MP_BASE_URL" in raised.value.message
    assert "s3cr3t" not in json.dumps(raised.value.to_dict())


def test_plain_http_to_this_machine_passes_by_every_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = people(tmp_path)["environment"]
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
        assert person.run(("auth", "test"), **dict.fromkeys(names, address)) == 0
        with pytest.raises(BlockingIOError):
            proxy.accept()


PROXIES = [
    "ftp://ann:s3cr3t@proxy:1",
    "http://ann:s3cr3t/s3cr3t@127.0.0.1:9",
    "http://127.0.0.1:s3cr3t",
    "http://[ann:s3cr3t",
    "socks5://ann:s3cr3t@127.0.0.1:9",
]


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_can_t_be_is_refused_without_its_password(proxy: str, mp: Mp) -> None:
    known = {"MP_USERNAME": "ann", "MP_SECRET": "x", "MP_PROJECT_ID": "1"}
    answer = mp("--verbose", "auth", "test", **known, HTTPS_PROXY=proxy, ALL_PROXY=proxy)
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "CONFIG_ERROR")
    assert "ALL_PROXY or HTTPS_PROXY" in answer.error["message"]
    assert "s3cr3t" not in answer.err


COMMANDS = ["status", "doctor", "inspect info", "sql select(1)", "materialize events --from 1d"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_warehouse_that_is_refused_is_told_without_its_password(command: str, here: Mp) -> None:
    known = {"MP_USERNAME": "ann", "MP_SECRET": "x", "MP_PROJECT_ID": "1"}
    address = "postgres://ann:s3cr3t@host/db"
    answer = here("--verbose", *command.split(), **known, MP_WAREHOUSE=address)
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "CONFIG_ERROR")
    assert "s3cr3t" not in answer.err


@pytest.fixture
def unknown_host(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server on this machine with a certificate that nobody vouches for; and that certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    try:
        subprocess.run(
            [*make, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("there is no openssl to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_refuse, args=(server, context), daemon=True)
        thread.start()
        yield f"https://localhost:{server.getsockname()[1]}", certificate
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _refuse(server: socket.socket, context: ssl.SSLContext) -> None:
    body = b'{"error": "Invalid service account credentials"}'
    head = f"HTTP/1.1 401 Unauthorized\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with suppress(OSError):
        while True:
            raw, _ = server.accept()
            with suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
                connection.recv(1 << 16)
                connection.sendall(head.encode() + body)


def test_a_certificate_is_always_checked_and_may_be_that_of_one_s_own_proxy(
    unknown_host: tuple[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "people").mkdir()
    person, (url, certificate) = people(tmp_path / "people")["environment"], unknown_host
    off = {"PYTHONHTTPSVERIFY": "0", "REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": ""}
    assert person.run(("auth", "test"), MP_BASE_URL=url, **off) != 0
    assert "CERTIFICATE_VERIFY_FAILED" in person.said[-2] + person.said[-1]
    assert person.run(("auth", "test"), MP_BASE_URL=url, SSL_CERT_FILE=str(certificate)) != 0
    assert "Invalid service account credentials" in person.said[-2] + person.said[-1]
