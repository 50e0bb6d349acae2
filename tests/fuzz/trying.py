"""Spoil healthy bytes, and watch what a reader does with them."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from steadypose.engines.errors import SteadyposeError
from tests.fuzz.readers import Reader

MOST_S = 10
MOST_CPU_S = 2.0
TOKENS = (
    *(b"", b"0", b"-1", b"1e999", b"NaN", b"Infinity", b"9" * 400, b"1" * 5000, b"null"),
    *(b"true", b'"', b"'", b"\\", b"[" * 3000, b"{" * 3000, b'{"a":' * 2000, b",", b"\n"),
    *(b"\r", b"\x00", b"\xff", b"\xff" * 9, b"\x80" * 12, b"\xef\xbb\xbf", b"../../x"),
    *(b"=1+1", b"@", b"://", b"[]", b"2147483648", b"-9223372036854775809", b"\x1b[2J"),
    *(b"[[a]]", b"a.b.c=1\n", b"{}", b"1e308"),
)


class TooSlow(BaseException):
    """A reader took longer than it may."""


@st.composite
def spoilt(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """A healthy file with a few places changed, cut, moved or doubled."""
    data = bytearray(draw(st.sampled_from(samples)))
    pieces = st.one_of(st.sampled_from(TOKENS), st.binary(max_size=6))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data))))
        length = draw(st.sampled_from((0, 1, 2, 4, 8, 30, 400)))
        kind = draw(st.sampled_from(("replace", "replace", "insert", "flip", "cut", "double")))
        if kind == "replace":
            data[at : at + length] = draw(pieces)
        elif kind == "insert":
            data[at:at] = draw(pieces)
        elif kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[at:]
        elif kind == "double":
            data[at:at] = data[at : at + length] * draw(st.integers(1, 50))
    return bytes(data)


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """End what takes longer, where the system has alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    awake_s, starved_s = 0, _starved_s()

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal awake_s
        if number == signal.SIGALRM:  # however long the process was stopped, it rings once
            awake_s += 1
            if awake_s < seconds + _starved_s() - starved_s:  # others had the processor
                return
        raise TooSlow(f"more than {seconds} s, or {MOST_CPU_S:g} s of the processor")

    before = [signal.signal(number, end) for number in (signal.SIGALRM, signal.SIGPROF)]
    signal.setitimer(signal.ITIMER_REAL, 1.0, 1.0)
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip((signal.SIGALRM, signal.SIGPROF), before, strict=True):
            signal.signal(number, handler)


def _starved_s() -> float:
    """How long this thread has waited for a processor, where the system says so."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def try_reader(
    reader: Reader,
    *,
    examples: int,
    start: int,
    tried: Callable[[bytes], None] = lambda data: None,
) -> None:
    """Feed a reader; whatever is no ``SteadyposeError`` comes out as the smallest such input.

    Args:
        reader: Who reads.
        examples: How often.
        start: Seed.
        tried: Is told each input before it is read.
    """
    samples = reader.samples()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{reader.suffix}"

        @seed(start)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(spoilt(samples))
        def feed(data: bytes) -> None:
            tried(data)
            read_one(reader, path, data)

        feed()


def read_one(reader: Reader, path: Path, data: bytes) -> None:
    """Read some bytes as a file; an expected failure is fine."""
    path.write_bytes(data)
    with at_most(MOST_S):
        try:
            reader.read(path)
        except SteadyposeError as error:
            said = str(error)
        else:
            return
    assert len(said.splitlines()) == 2, "a fact and a fix, a line each"
