"""Failures of the web, sorted into those worth another try and those that are final."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPException, InvalidURL
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

from engines.errors import SourceError

HELP = (
    "check the network and try again, name a --mirror, or bring the file: "
    "python export/download_weights.py NAME --weights FILE"
)
_FINAL = {
    404: ("does not exist on that server", HELP),
    410: ("does not exist on that server any more", HELP),
    407: (
        "was not asked for: the proxy wants a password",
        "put it into the HTTPS_PROXY variable: http://USER:PASSWORD@HOST:PORT",
    ),
    511: (
        "was not asked for: the network wants a log-in first",
        "open any page in a browser and log in, then try again",
    ),
}
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}


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


class _SafeRedirects(HTTPRedirectHandler):
    """Follows redirects, but not from https down to http."""

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
        raise SourceError(f"{url} cannot be asked for: {error}", fix=HELP) from error
    except URLError as error:
        raise _of_reason(url, error.reason) from error
    except (HTTPException, OSError) as error:
        raise _of_reason(url, error) from error


def _of_status(url: str, error: HTTPError, offset: int) -> Exception:
    code, reason = error.code, " ".join(str(error.reason).split())
    if code == 416 and offset:
        return RangeError()
    if code in _FINAL:
        what, fix = _FINAL[code]
        return SourceError(f"{url} {what} ({code})", fix=fix)
    if 300 <= code < 400:
        return SourceError(f"{url} redirects to where we do not follow: {reason}", fix=HELP)
    if code in _TRY_AGAIN or code > 511:
        asked = re.fullmatch(r"\d{1,6}", (error.headers.get("Retry-After") or "").strip())
        wait_s = float(asked.group()) if asked else 0.0
        return BrokenError(f"the server is in trouble ({code} {reason})", wait_s=wait_s)
    return SourceError(f"{url} was refused ({code} {reason})", fix=HELP)


def _of_reason(url: str, reason: object) -> Exception:
    host = urlsplit(url).hostname
    if isinstance(reason, ssl.SSLCertVerificationError):
        return SourceError(
            f"the certificate of {host} is not valid: {reason.verify_message}",
            fix="check this machine's date, or name a --mirror (the server's may have expired)",
        )
    if isinstance(reason, socket.gaierror):
        return SourceError(f"{host} cannot be found: {reason.strerror}; no network?", fix=HELP)
    if isinstance(reason, ConnectionRefusedError):
        return SourceError(f"no server answers at {host} (connection refused)", fix=HELP)
    if isinstance(reason, TimeoutError):
        return BrokenError("the server does not answer in time")
    if isinstance(reason, str) and "unknown url type" in reason:
        return SourceError(f"{url} redirects to where we do not follow: {reason}", fix=HELP)
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return BrokenError(f"the connection broke ({text})")
