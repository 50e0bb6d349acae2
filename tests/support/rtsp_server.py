"""A network camera for tests: GStreamer's RTSP server, run by the system's Python, which has its bindings.

    /usr/bin/python3 rtsp_server.py PORT USER:PASSWORD|- WIDTH HEIGHT FPS SLICES PICTURE.i420

It serves /live as H.264 without a decoder's delay: one picture, over which each frame writes when it was
made, milliseconds of the monotonic clock, in 32 bars. On standard input: ``stall``, ``go``, ``size W H``, ``lose SHARE`` (of the packets).
"""

# ruff: noqa
# mypy: ignore-errors
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

BAR = 16
PORT, AUTH, WIDTH, HEIGHT, FPS, SLICES, PICTURE = sys.argv[1:]
state = {"size": (int(WIDTH), int(HEIGHT)), "goes": True, "lose": lambda share: None}
picture = open(PICTURE, "rb").read()
base_size = state["size"]


def caps():
    width, height = state["size"]
    return Gst.Caps.from_string(
        f"video/x-raw,format=I420,width={width},height={height},framerate={FPS}/1"
    )


def frame():
    """The picture, gray in another size, with the time in its first rows."""
    width, height = state["size"]
    if state["size"] == base_size:
        data = bytearray(picture)
    else:
        data = bytearray(b"\x60" * (width * height) + b"\x80" * (width * height // 2))
    code = int(time.monotonic() * 1000) & 0xFFFFFFFF
    row = bytearray()
    for bit in range(32):
        row += (b"\xeb" if code >> bit & 1 else b"\x10") * BAR
    row = row[:width]
    for y in range(BAR):
        data[y * width : y * width + len(row)] = row
    for plane in (width * height, width * height * 5 // 4):
        data[plane : plane + width // 2 * (BAR // 2)] = b"\x80" * (width // 2 * (BAR // 2))
    return bytes(data)


def feed(source):
    due = time.monotonic()
    known = state["size"]
    while True:
        due += 1 / float(FPS)
        time.sleep(max(0.0, due - time.monotonic()))
        if not state["goes"]:
            continue
        if state["size"] != known:
            known = state["size"]
            source.set_property("caps", caps())
        if source.emit("push-buffer", Gst.Buffer.new_memdup(frame())) != Gst.FlowReturn.OK:
            return


def configure(_, media):
    source = media.get_element().get_by_name("src")
    way = media.get_element().get_by_name("pay0")
    state["lose"] = lambda share: way.set_property("drop-probability", share)
    source.set_property("caps", caps())
    threading.Thread(target=feed, args=(source,), daemon=True).start()


Gst.init(None)
loop = GLib.MainLoop()
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(PORT)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( appsrc name=src is-live=true do-timestamp=true format=time max-buffers=2 leaky-type=downstream "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=20000 qp-max=18 "
    f"option-string=slices={SLICES} threads=1 sliced-threads=false "
    "! rtph264pay pt=96 config-interval=0 ! identity name=pay0 )"
)
factory.set_shared(True)
factory.connect("media-configure", configure)
if AUTH != "-":
    user, _, password = AUTH.partition(":")
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_digest(user, password, token)
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory.set_permissions(permissions)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)


def listen():
    for line in sys.stdin:
        words = line.split()
        if words[0] in ("stall", "go"):
            state["goes"] = words[0] == "go"
        elif words[0] == "size":
            state["size"] = (int(words[1]), int(words[2]))
        elif words[0] == "lose":
            state["lose"](float(words[1]))
    loop.quit()


threading.Thread(target=listen, daemon=True).start()
print("ready", flush=True)
loop.run()
