"""What can be asked for, and what is checked before any of it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.resources import files

from aiohttp import HttpVersion10, hdrs, web
from aiohttp.typedefs import Middleware

from steadypose.engines.foreign.texts import parse_json
from steadypose.realtime.record.live.state import BUTTONS
from steadypose.realtime.record.live.web import page, sockets
from steadypose.realtime.record.live.web.desk import Desk
from steadypose.realtime.record.live.web.stream import send_stream
from steadypose.realtime.record.live.web.within import timeout

MOST_BODY = 1024
"""Bytes of a request's body; a socket's messages have limits of their own."""

_BODY_WITHIN_S = 5.0
_PAGE = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/draw.js": ("draw.js", "text/javascript"),
    "/link.js": ("link.js", "text/javascript"),
    "/encode.js": ("encode.js", "text/javascript"),
    "/camera.js": ("camera.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_OWN_SITE = {"", "none", "same-origin"}
_WATCH = "/ws"
_LOCKED = "open the address that the program has printed: it has the token at its end\n"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(desks: Mapping[str, Desk]) -> web.Application:
    """Everything there is; whatever else is asked for is not found.

    Args:
        desks: Of each source by its name; what is asked for without a name is the first's.
    """
    desk = next(iter(desks.values()))
    app = web.Application(middlewares=[_guard_of(desk)], client_max_size=MOST_BODY)
    takers = [one for one in desks.values() if one.inlet is not None]
    app.on_response_prepare.append(_add_headers_of(takes_camera=bool(takers)))
    app.router.add_get("/healthz", partial(_health, desks))
    for path, (name, kind) in _PAGE.items():
        app.router.add_get(path, _resource(name, kind))
    # What goes on for a while has no head to ask for.
    add_long = partial(app.router.add_get, allow_head=False)
    add_long(_WATCH, _of_source(desks, lambda desk, request: sockets.watch(request, desk)))
    app.router.add_post("/press", partial(_press, desks))
    add_long("/recordings/{name}", _of_source(desks, _recording))
    if desk.board.has_pictures:
        add_long("/stream.mjpg", _of_source(desks, send_stream))
    if takers:
        add_long("/camera", partial(_camera, takers[0]))
    return app


def _of_source(
    desks: Mapping[str, Desk],
    handle: Callable[[Desk, web.Request], Awaitable[web.StreamResponse]],
) -> Handler:
    """Answer for the source that ``?source=NAME`` names."""

    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.query.get("source", next(iter(desks)))
        if name not in desks:
            raise web.HTTPNotFound(text="this run has no such source\n")
        return await handle(desks[name], request)

    return answer


def _guard_of(desk: Desk) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.version < HttpVersion10:
            raise web.HTTPBadRequest(text="this is no HTTP/1.1\n")
        hosts = request.headers.getall(hdrs.HOST, [])
        is_here = request.raw_path.startswith("/")  # else it names a host of its own
        if not is_here or len(hosts) != 1 or not desk.gate.knows_host(hosts[0]):
            raise web.HTTPMisdirectedRequest(text="this machine is not called so\n")
        if request.path == "/healthz":
            return await handler(request)
        has_token = _has_token(desk, request)
        if not has_token and not _has_cookie(desk, request):
            raise web.HTTPUnauthorized(text=_LOCKED)
        _require_own_page(desk, request, has_token=has_token)
        if desk.door is not None:
            desk.door.has_asked(request.transport)
        try:
            response = await handler(request)
        except ConnectionError:  # it has gone, as everybody may at any time
            return web.Response(status=499)
        if request.path == "/" and not response.prepared:
            response.set_cookie(
                desk.cookie,
                desk.gate.new_cookie(),
                max_age=86_400,
                httponly=True,
                samesite="Strict",
                secure=request.headers.get("X-Forwarded-Proto") == "https",
            )
        return response

    return guard


def _has_token(desk: Desk, request: web.Request) -> bool:
    kind, _, value = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    told = value if kind.lower() == "bearer" else request.query.get("token", "")
    return desk.gate.is_token(told)


def _has_cookie(desk: Desk, request: web.Request) -> bool:
    """Whether one of its cookies is ours: a page of another port may have set one of that name."""
    told = ";".join(request.headers.getall(hdrs.COOKIE, []))
    pairs = (part.strip().partition("=") for part in told.split(";"))
    return any(name == desk.cookie and desk.gate.is_cookie(value) for name, _, value in pairs)


def _require_own_page(desk: Desk, request: web.Request, *, has_token: bool) -> None:
    """Refuse what a page of others sends, whatever cookie the browser adds to it.

    A program says no origin, and shows the token; a browser always says it where something is
    changed or a socket opened.
    """
    origins = request.headers.getall(hdrs.ORIGIN, [])
    origin = origins[0] if origins else None
    is_socket = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
    is_reading = request.method in {hdrs.METH_GET, hdrs.METH_HEAD} and not is_socket
    if len(origins) > 1:
        raise web.HTTPForbidden(text="several pages asked for it\n")
    # A page of others watches, and does nothing else; no cookie lets it in.
    if is_socket and request.path == _WATCH and has_token and desk.gate.is_guest(origin or ""):
        return
    if origin is not None:
        is_allowed = desk.gate.is_own_page(origin, request.headers[hdrs.HOST])
    else:
        is_allowed = has_token or is_reading
    site = request.headers.get("Sec-Fetch-Site", "")
    is_opened = request.path == "/" and request.headers.get("Sec-Fetch-Dest") == "document"
    if not is_allowed or not (site in _OWN_SITE or is_opened):
        raise web.HTTPForbidden(text="another page asked for it\n")


def _add_headers_of(
    *, takes_camera: bool
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    may_use = "self" if takes_camera else ""

    async def add(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        response.headers["Permissions-Policy"] = f"camera=({may_use}), microphone=()"
        response.headers.popall(hdrs.SERVER, None)
        if not isinstance(response, web.WebSocketResponse):
            response.force_close()  # one request each: see ``Door``

    return add


def _resource(name: str, kind: str) -> Handler:
    text = files(page).joinpath(name).read_text("utf-8")

    async def give(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=kind)

    return give


async def _health(desks: Mapping[str, Desk], _: web.Request) -> web.StreamResponse:
    is_stalled = any(desk.is_stalled for desk in desks.values())
    has_begun = any(desk.told_s for desk in desks.values())
    status = "stalled" if is_stalled else "ok" if has_begun else "waiting"
    return web.json_response({"status": status}, status=503 if is_stalled else 200)


async def _camera(desk: Desk, request: web.Request) -> web.StreamResponse:
    assert desk.inlet is not None, "else there is no such path"
    return await sockets.take_camera(request, desk, desk.inlet)


async def _press(desks: Mapping[str, Desk], request: web.Request) -> web.StreamResponse:
    """Press a button: ``{"button": "record"}``; a form of another page cannot say so."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send JSON\n")
    try:
        async with timeout(_BODY_WITHIN_S):
            body = await request.read()
        told = parse_json(body)
    except ValueError:
        raise web.HTTPBadRequest(text="this is no JSON\n") from None
    except asyncio.TimeoutError:
        raise web.HTTPRequestTimeout from None
    name = told.get("button") if isinstance(told, dict) else None
    if not isinstance(name, str) or name not in BUTTONS:
        raise web.HTTPBadRequest(text=f"a button is one of {', '.join(BUTTONS)}\n")
    if not next(iter(desks.values())).pace.allows():
        raise web.HTTPTooManyRequests(text="slower\n")
    for desk in desks.values():  # as a key in the window acts on all sources
        desk.presses.append(BUTTONS[name])
    return web.Response(status=204)


async def _recording(desk: Desk, request: web.Request) -> web.StreamResponse:
    return await desk.hand_out(request, request.match_info["name"])
