"""Failures of the web, sorted into those worth another try and those that are final."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from steadypose.engines.errors import SourceError
from steadypose.export.weights.download.proxies import (
    cannot_be_used,
    proxy_of,
    remark_on,
    wants_password,
)

HELP = (
    "check the network and try again, name a --mirror (STEADYPOSE_MIRRORS), or bring the file: "
    "python export/download_weights.py NAME --weights FILE"
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


class _SafeRedirects(HTTPRedirectHandler):
    """Follows redirects, but not from https down to http; lets go of those it cannot read."""

    def http_error_302(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message
    ) -> HTTPResponse | None:
        """The answer at the new address."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)  # type: ignore[arg-type]
        except ValueError:  # no address
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(  # the signature is urllib's
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        """The request to follow with."""
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise HTTPError(req.full_url, code, f"redirect down to {newurl}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def build_opener() -> OpenerDirector:
    """Opens http and https, through the proxies of the environment; no files, no ftp."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        UnknownHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
        _SafeRedirects(),
    ):
        opener.add_handler(handler)
    return opener


@contextmanager
def network_errors(url: str, *, offset: int) -> Iterator[None]:
    """Sort what urllib and the sockets raise.

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
    except HTTPError as error:
        error.close()
        raise _of_status(url, error, offset) from error
    except InvalidURL as error:
        raise _unreadable(url, error) from error
    except URLError as error:
        raise _of_reason(url, error.reason) from error
    except (HTTPException, OSError) as error:
        raise _of_reason(url, error) from error
    except ValueError as error:  # urllib's and the sockets' about a redirect or a length
        raise _unreadable(url, error) from error


def _unreadable(url: str, error: Exception) -> SourceError:
    proxy = proxy_of(url)
    way = f" through the proxy {proxy}" if proxy else ""
    return SourceError(f"{url} cannot be asked for{way}: {from_wire(error)}", fix=HELP)


def _of_status(url: str, error: HTTPError, offset: int) -> Exception:
    code, reason = error.code, from_wire(error.reason)
    said = f"{code} {reason}".strip()
    if code == 416 and offset:
        return RangeError()
    if code == 407:
        return wants_password(url, proxy_of(url))
    if code in _FINAL:
        what, fix = _FINAL[code]
        return SourceError(f"{url} {what} ({code})", fix=fix)
    if 300 <= code < 400:
        return SourceError(f"{url} redirects to where we do not follow: {reason}", fix=HELP)
    if _may_pass(code):
        asked = re.fullmatch(r"[0-9]{1,6}", (error.headers.get("Retry-After") or "").strip())
        wait_s = float(asked.group()) if asked else 0.0
        return BrokenError(f"the server is in trouble ({said})", wait_s=wait_s)
    return SourceError(f"{url} was refused ({said})", fix=HELP)


def _may_pass(code: int) -> bool:
    return code in _TRY_AGAIN or code > 511


def _of_reason(url: str, reason: object) -> Exception:
    """Final or not; a proxy is to blame before the server behind it."""
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    text = from_wire(text)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return SourceError(
            f"the certificate of {urlsplit(url).hostname} is not valid: "
            f"{from_wire(reason.verify_message)}",
            fix="check this machine's date, or name a --mirror (the server's may have expired)",
        )
    proxy = proxy_of(url)
    if proxy is not None:
        return _of_proxy(url, proxy, reason, text)
    return _of_server(url, reason, text)


def _of_proxy(url: str, proxy: str, reason: object, text: str) -> Exception:
    refusal = _TUNNEL.fullmatch(text)
    if refusal is not None:
        code = int(refusal.group(1))
        if code == 407:
            return wants_password(url, proxy)
        said = " ".join(refusal.groups()).strip()
        if _may_pass(code):
            return BrokenError(f"the proxy {proxy} is in trouble ({said})")
        return SourceError(f"{url} was refused by the proxy {proxy} ({said})", fix=HELP)
    final = cannot_be_used(url, proxy, reason, text)
    if final is not None:
        return final
    broken = _of_server(url, reason, text)
    if isinstance(broken, BrokenError):
        return BrokenError(f"{broken}, through the proxy {proxy}{remark_on(proxy)}")
    return broken


def _of_server(url: str, reason: object, text: str) -> Exception:
    host = urlsplit(url).hostname
    if isinstance(reason, socket.gaierror):
        return SourceError(f"{host} cannot be found: {text}; no network?", fix=HELP)
    if isinstance(reason, ConnectionRefusedError):
        return SourceError(f"no server answers at {host} (connection refused)", fix=HELP)
    if isinstance(reason, TimeoutError):
        return BrokenError("the server does not answer in time")
    if isinstance(reason, str) and "unknown url type" in reason:
        return SourceError(f"{url} redirects to where we do not follow: {text}", fix=HELP)
    return BrokenError(f"the connection broke ({text})")
