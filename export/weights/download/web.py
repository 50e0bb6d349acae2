"""Failures of the web, sorted into those worth another try and those that are final."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema, TooManyRedirects
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError

from steadypose.engines.errors import SourceError
from steadypose.engines.wording import advice

HELP = (
    "check the network and try again, name a --mirror (STEADYPOSE_MIRRORS), or bring the file: "
    f"{advice.command('download-weights')} NAME --weights FILE"
)
_FINAL = {
    404: ("does not exist on that server", HELP),
    410: ("does not exist on that server any more", HELP),
    511: (
        "was not asked for: the network wants a log-in first",
        "open any page in a browser and log in, then try again",
    ),
}
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_TUNNEL = re.compile(r"Tunnel connection failed: (\d+) ?(.*)")  # http.client's words
_MOST_PRINTED = 120


class BrokenError(Exception):
    """The transfer failed in a way that may pass.

    Args:
        reason: Half a sentence.
        wait_s: What the server asked us to wait.
    """

    def __init__(self, reason: str, *, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class RangeError(Exception):
    """The server has no such piece of the file."""


def from_wire(text: object) -> str:
    """What a server said, fit to be printed: one line, no control characters, not too long.

    Args:
        text: Anything whose ``str`` may hold what was received.
    """
    words = " ".join(str(text).split())
    return "".join(filter(str.isprintable, words))[:_MOST_PRINTED]


class _SystemTrust(HTTPAdapter):
    """Trusts whom the system trusts, beside the authorities that come with requests."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Of direct connections."""
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Of connections through a proxy."""
        context = ssl.create_default_context()
        return super().proxy_manager_for(proxy, ssl_context=context, **options)


def open_session() -> requests.Session:
    """Asks through the proxies of the environment; never tells a password of ``.netrc``."""
    session = requests.Session()
    session.mount("https://", _SystemTrust())
    session.auth = lambda request: request
    session.max_redirects = 10
    session.hooks["response"].append(_before_redirect)
    return session


def _before_redirect(response: requests.Response, **_: Any) -> None:
    if response.is_redirect:
        response.close()  # nobody reads its body, which may never end
        target = urljoin(response.url, response.headers["Location"])
        if response.url.startswith("https:") and not target.startswith("https:"):
            raise InvalidSchema(f"redirect down to {target}")


@contextmanager
def network_errors(url: str, *, offset: int) -> Iterator[None]:
    """Sort what requests and the sockets raise.

    Args:
        url: What was asked for.
        offset: From which byte on.

    Raises:
        BrokenError: A timeout, a broken connection, a server in trouble.
        RangeError: The server has nothing from ``offset`` on.
        SourceError: Everything that another try would not change.
    """
    try:
        yield
    except requests.HTTPError as error:
        raise _of_status(url, error, offset) from error
    except (InvalidSchema, TooManyRedirects) as error:
        if "SOCKS" in str(error):
            what = f"the proxy {proxy_of(url)} cannot be used: SOCKS is not known here"
            raise SourceError(what, fix=f"pip install PySocks; or {_check_proxy(url)}") from error
        what = f"{url} redirects to where we do not follow: {from_wire(error)}"
        raise SourceError(what, fix=HELP) from error
    except ValueError as error:  # about a redirect or a length
        way = f" through the proxy {proxy_of(url)}" if proxy_of(url) else ""
        what = f"{url} cannot be asked for{way}: {from_wire(error)}"
        raise SourceError(what, fix=HELP) from error
    except (HTTPError, OSError) as error:
        raise _of_reason(url, _deepest(error)) from error


def _of_status(url: str, error: requests.HTTPError, offset: int) -> Exception:
    response = error.response
    assert response is not None
    code, reason = response.status_code, from_wire(response.reason)
    said = f"{code} {reason}".strip()
    if code == 416 and offset:
        return RangeError()
    if code == 407:
        return _wants_password(url)
    if code in _FINAL:
        what, fix = _FINAL[code]
        return SourceError(f"{url} {what} ({code})", fix=fix)
    if 300 <= code < 400:
        return SourceError(f"{url} redirects to where we do not follow: {reason}", fix=HELP)
    if _may_pass(code):
        asked = re.fullmatch(r"[0-9]{1,6}", response.headers.get("Retry-After", "").strip())
        wait_s = float(asked.group()) if asked else 0.0
        return BrokenError(f"the server is in trouble ({said})", wait_s=wait_s)
    return SourceError(f"{url} was refused ({said})", fix=HELP)


def _may_pass(code: int) -> bool:
    return code in _TRY_AGAIN or code > 511


def _deepest(error: BaseException) -> BaseException:
    """What was raised first: the socket's own exception under urllib3's and requests'."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error


def _of_reason(url: str, reason: BaseException) -> Exception:
    """Final or not; a proxy is to blame before the server behind it."""
    text = from_wire(getattr(reason, "strerror", None) or str(reason) or type(reason).__name__)
    host, proxy = urlsplit(url).hostname, proxy_of(url)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return SourceError(
            f"the certificate of {host} is not valid: {from_wire(reason.verify_message)}",
            fix="check this machine's date, or name a --mirror (the server's may have expired)",
        )
    if proxy and (refusal := _TUNNEL.fullmatch(text)):
        return _of_tunnel(url, proxy, int(refusal.group(1)), " ".join(refusal.groups()).strip())
    if isinstance(reason, (socket.gaierror, ConnectionRefusedError)):
        return _nobody_there(url, reason, text)
    is_late = isinstance(reason, TimeoutError)
    what = "the server does not answer in time" if is_late else f"the connection broke ({text})"
    return BrokenError(f"{what}, through the proxy {proxy}" if proxy else what)


def _nobody_there(url: str, reason: OSError, text: str) -> SourceError:
    host, proxy = urlsplit(url).hostname, proxy_of(url)
    is_refused = isinstance(reason, ConnectionRefusedError)
    if proxy:
        how = "does not answer (connection refused)" if is_refused else f"cannot be found: {text}"
        return SourceError(f"the proxy {proxy} {how}", fix=_check_proxy(url))
    refused = f"no server answers at {host} (connection refused)"
    return SourceError(
        refused if is_refused else f"{host} cannot be found: {text}; no network?", fix=HELP
    )


def _of_tunnel(url: str, proxy: str, code: int, said: str) -> Exception:
    if code == 407:
        return _wants_password(url)
    if _may_pass(code):
        return BrokenError(f"the proxy {proxy} is in trouble ({said})")
    return SourceError(f"{url} was refused by the proxy {proxy} ({said})", fix=HELP)


def proxy_of(url: str) -> str | None:
    """What a request for a URL goes through, without its password; None: nothing."""
    proxy = select_proxy(url, get_environ_proxies(url))
    return proxy and re.sub(r"^([a-z][a-z0-9+.-]*://)?.*@", r"\1", proxy, flags=re.I | re.S)


def _wants_password(url: str) -> SourceError:
    """The proxy answered 407."""
    proxy = f" {proxy_of(url)}" if proxy_of(url) else ""
    return SourceError(
        f"{url} was not asked for: the proxy{proxy} wants a password (407)",
        fix=f"put it into the {_variable(url)} variable: http://USER:PASSWORD@HOST:PORT",
    )


def _check_proxy(url: str) -> str:
    return f"check the {_variable(url)} variable or the system's proxy settings"


def _variable(url: str) -> str:
    return f"{urlsplit(url).scheme.upper()}_PROXY"
