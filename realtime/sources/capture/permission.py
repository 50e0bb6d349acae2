"""Whether the system lets this program use a camera, where it can be asked."""

from __future__ import annotations

import ctypes
import platform
from enum import Enum
from importlib import import_module

_FRAMEWORK = "/System/Library/Frameworks/AVFoundation.framework/AVFoundation"
_OBJC = "/usr/lib/libobjc.A.dylib"
_CONSENT = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\webcam"
_DESKTOP = rf"{_CONSENT}\NonPackaged"  # "Let desktop apps access your camera"


class Permission(Enum):
    """What the system's settings say."""

    GIVEN = "given"
    REFUSED = "refused"
    NOT_ASKED = "not asked"
    UNKNOWN = "unknown"


def permission() -> Permission:
    """The system's answer; ``UNKNOWN`` where it cannot be asked."""
    system = platform.system()
    try:
        if system == "Darwin":
            return _on_macos()
        if system == "Windows":
            return _on_windows()
    except (OSError, AttributeError, ImportError, ValueError):
        return Permission.UNKNOWN
    return Permission.UNKNOWN


def _on_macos() -> Permission:
    """``[AVCaptureDevice authorizationStatusForMediaType:AVMediaTypeVideo]``."""
    ctypes.CDLL(_FRAMEWORK)
    objc = ctypes.CDLL(_OBJC)
    objc.objc_getClass.restype = objc.sel_registerName.restype = ctypes.c_void_p
    objc.objc_getClass.argtypes = objc.sel_registerName.argtypes = [ctypes.c_char_p]
    # Not variadic: on arm64 arguments would lie elsewhere.
    kind = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
    text = kind(("objc_msgSend", objc))(
        objc.objc_getClass(b"NSString"), objc.sel_registerName(b"stringWithUTF8String:"), b"vide"
    )
    kind = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    status = kind(("objc_msgSend", objc))(
        objc.objc_getClass(b"AVCaptureDevice"),
        objc.sel_registerName(b"authorizationStatusForMediaType:"),
        text,
    )
    return {
        0: Permission.NOT_ASKED,
        1: Permission.REFUSED,  # by whoever administers the machine
        2: Permission.REFUSED,
        3: Permission.GIVEN,
    }.get(status, Permission.UNKNOWN)


def _on_windows() -> Permission:
    """The switches of Settings, Privacy & security, Camera; desktop programs are never asked."""
    winreg = import_module("winreg")
    found = Permission.UNKNOWN
    for root in (winreg.HKEY_LOCAL_MACHINE, winreg.HKEY_CURRENT_USER):
        for place in (_CONSENT, _DESKTOP):
            try:
                with winreg.OpenKey(root, place) as key:
                    value, _ = winreg.QueryValueEx(key, "Value")
            except OSError:
                continue
            if value == "Deny":
                return Permission.REFUSED
            if value == "Allow":
                found = Permission.GIVEN
    return found
