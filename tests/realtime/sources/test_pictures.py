"""Pictures as they come: pages, animations, deep samples, turned, broken, and among other files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.foreign.picture_headers import read_header
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.sources import pictures
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.camera import CameraMode
from steadypose.realtime.sources.opening import SourceOptions, open_source
from steadypose.realtime.sources.pictures import Depth
from tests.support.drawn import write_picture

Image = NDArray[np.uint8]
HAS_WEBP = hasattr(cv2, "imreadanimation")


def frames_of(source: Source) -> tuple[list[Frame], str]:
    """All frames, and what was said at the end."""
    found, said = [], ""
    try:
        while not source.is_over:
            frame = source.read(5.0)
            if frame is not None:
                found.append(frame)
    except SourceError as error:
        said = str(error)
    source.close()
    return found, said


def see(path: Path, fps: float | None = None) -> tuple[list[Frame], str]:
    mode = CameraMode() if fps is None else CameraMode(fps=fps)
    return frames_of(open_source(SourceOptions(str(path), mode=mode)))


def scene() -> Image:
    """40 by 60, with a colour in three corners: red, green, blue from the top left."""
    image: Image = np.full((40, 60, 3), 90, np.uint8)
    image[:8, :8], image[:8, -8:], image[-8:, :8] = (0, 0, 255), (0, 255, 0), (255, 0, 0)
    return image


def corners(image: Image) -> str:
    names = {(0, 0, 1): "R", (0, 1, 0): "G", (1, 0, 0): "B"}
    places = ((3, 3), (3, -4), (-4, 3), (-4, -4))
    bits = [tuple((image[place].astype(int) > 150).astype(int).tolist()) for place in places]
    return "".join(names.get(b, "-") for b in bits)


def exif(orientation: int) -> bytes:
    """An Exif block that says nothing but how a picture is to be turned."""
    entry = struct.pack(">HHIHH", 274, 3, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def encoded(suffix: str, image: NDArray[np.generic]) -> bytes:
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    return bytes(cv2.imencode(suffix, image, lossless)[1].tobytes())


def turned_file(suffix: str, orientation: int) -> bytes:
    data = encoded(suffix, scene())
    if suffix == ".jpg":
        block = b"Exif\0\0" + exif(orientation)
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    if suffix == ".png":
        return data[:33] + png_chunk(b"eXIf", exif(orientation)) + data[33:]
    if suffix == ".webp":
        block, image = exif(orientation), data[12:]
        head = struct.pack("<4sIBBH", b"VP8X", 10, 8, 0, 0) + b"\x3b\0\0\x27\0\0"
        body = b"WEBP" + head + image + struct.pack("<4sI", b"EXIF", len(block)) + block
        return b"RIFF" + struct.pack("<I", len(body)) + body
    at = struct.unpack_from("<I", data, 4)[0]  # TIFF: one more entry in a new directory
    (count,) = struct.unpack_from("<H", data, at)
    entries = data[at + 2 : at + 2 + 12 * count]
    new = sorted(
        [
            entries[i : i + 12]
            for i in range(0, len(entries), 12)
            if entries[i : i + 2] != b"\x12\x01"
        ]
        + [struct.pack("<HHIHH", 274, 3, 1, orientation, 0)],
        key=lambda entry: struct.unpack_from("<H", entry)[0],
    )
    directory = struct.pack("<H", len(new)) + b"".join(new) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


TURNED = {1: "RGB-", 2: "GR-B", 3: "-BGR", 4: "B-RG", 5: "RBG-", 6: "BR-G", 7: "-GBR", 8: "G-RB"}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", TURNED)
def test_a_picture_is_turned_as_it_says(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(turned_file(suffix, orientation))
    (frame,), said = see(path)
    assert said == ""
    assert corners(frame.image_bgr) == TURNED[orientation]
    assert frame.size_hw == ((40, 60) if orientation < 5 else (60, 40))


def shades(count: int, dtype: type = np.uint8) -> list[NDArray[np.generic]]:
    return [np.full((40, 60, 3), 20 + 30 * i, dtype) for i in range(count)]


def test_every_page_of_a_tiff_is_a_frame(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "a.tif"), shades(7))
    found, said = see(tmp_path / "a.tif", fps=10.0)
    assert said == ""
    assert [int(frame.image_bgr.mean()) for frame in found] == [20 + 30 * i for i in range(7)]
    assert [frame.time_s for frame in found] == [i / 10 for i in range(7)]


def big_tiff(shades_of_pages: list[int], orientation: int = 1, order: str = "<") -> bytes:
    """A BigTIFF with a page of 40 by 60 for each shade."""
    data = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, 16)
    for number, shade in enumerate(shades_of_pages, 1):
        at = len(data) + 8 + 20 * 10 + 8  # of the samples
        shorts = {256: 60, 257: 40, 258: 8, 259: 1, 262: 1, 274: orientation, 277: 1, 278: 40}
        longs = {273: at, 279: 2400}
        data += struct.pack(f"{order}Q", 10)
        for tag in sorted({**shorts, **longs}):
            if tag in shorts:
                data += struct.pack(f"{order}HHQH6x", tag, 3, 1, shorts[tag])
            else:
                data += struct.pack(f"{order}HHQQ", tag, 16, 1, longs[tag])
        is_last = number == len(shades_of_pages)
        data += struct.pack(f"{order}Q", 0 if is_last else at + 2400) + bytes([shade]) * 2400
    return data


@pytest.mark.parametrize("name", ["a.tif", "ä.tif"])
def test_a_big_tiff_has_all_its_pages_whatever_its_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(big_tiff([20, 50, 80]))
    for is_found in (True, False):  # by OpenCV
        monkeypatch.setattr(pictures, "_is_found", lambda _, found=is_found: found)
        found, said = see(tmp_path / name)
        assert said == ""
        assert [int(frame.image_bgr.mean()) for frame in found] == [20, 50, 80]


def test_a_name_outside_ascii_is_left_to_opencv_where_it_finds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for system, is_found in (("posix", True), ("nt", False)):
        monkeypatch.setattr(pictures, "os", SimpleNamespace(name=system))
        assert pictures._is_found(Path("ä.tif")) is is_found
        assert pictures._is_found(Path("a.tif"))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_picture_that_says_nothing_of_pages_is_one(tmp_path: Path, suffix: str) -> None:
    data = cv2.imencode(suffix, scene())[1].tobytes()
    header = read_header(data)
    assert (header.pages, header.frames, header.orientation, header.is_whole) == (1, 1, 1, True)
    assert header.most_value is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_big_tiff_says_its_pages_and_is_turned(tmp_path: Path, order: str) -> None:
    data = big_tiff([20, 50], orientation=6, order=order)
    header = read_header(data)
    assert (header.pages, header.orientation, header.is_whole) == (2, 6, True)
    (tmp_path / "a.tif").write_bytes(data)
    found, said = see(tmp_path / "a.tif")
    assert (said, [frame.size_hw for frame in found]) == ("", [(60, 40)] * 2)
    assert not read_header(data[:16] + b"\xff" * 40).is_whole
    assert not read_header(data[:8] + b"\xff" * 40).is_whole


def animated_png(path: Path, lasts_ms: list[int]) -> Path:
    with av.open(str(path), "w", format="apng") as film:
        stream = film.add_stream("apng", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 60, 40, "rgb24"
        at = 0
        for shade, lasts in zip(shades(len(lasts_ms)), lasts_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(shade, format="bgr24").reformat(format="rgb24")
            frame.pts, at = at, at + lasts
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path


def test_an_animated_png_has_its_own_times_and_in_a_folder_the_folders(tmp_path: Path) -> None:
    path = animated_png(tmp_path / "a.png", [100, 300, 200])
    found, said = see(path)
    assert said == ""
    assert [int(frame.image_bgr.mean()) for frame in found] == [20, 50, 80]
    np.testing.assert_allclose([frame.time_s for frame in found], [0, 0.1, 0.4], atol=1e-3)
    assert [frame.time_s for frame in see(path, fps=20.0)[0]] == [0, 0.05, 0.1]
    (tmp_path / "b.png").write_bytes(encoded(".png", scene()))
    assert [frame.time_s for frame in see(tmp_path)[0]] == [0, 1 / 30, 2 / 30, 3 / 30]


def test_an_animated_webp_is_played_or_said_to_be_too_new(tmp_path: Path) -> None:
    images = b""
    for shade, lasts in zip(shades(3), (100, 200, 300), strict=True):
        head = bytes(6) + b"\x3b\0\0\x27\0\0" + struct.pack("<I", lasts)[:3] + b"\0"
        body = head + encoded(".webp", shade)[12:]
        images += struct.pack("<4sI", b"ANMF", len(body)) + body
    head = struct.pack("<4sIBBH", b"VP8X", 10, 2, 0, 0) + b"\x3b\0\0\x27\0\0"
    body = b"WEBP" + head + struct.pack("<4sIIH", b"ANIM", 6, 0, 0) + images
    (tmp_path / "a.webp").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    found, said = see(tmp_path / "a.webp")
    if HAS_WEBP:
        assert [int(frame.image_bgr.mean()) for frame in found] == [20, 50, 80]
        np.testing.assert_allclose([frame.time_s for frame in found], [0, 0.1, 0.3])
    else:
        assert "cannot read animated WebP" in said


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_deep_samples_look_like_their_eight_bits_all_over_a_folder(
    tmp_path: Path, suffix: str, bits: int
) -> None:
    ramp = np.tile(np.linspace(0, 255, 60).astype(np.uint16), (40, 1))
    top = (1 << bits) - 1
    for number, share in enumerate((0.2, 0.9, 1.0)):  # the first is a dark one
        deep = np.rint(ramp * share * top / 255).astype(np.uint16)
        write_picture(str(tmp_path / f"{number}{suffix}"), deep)
    found, said = see(tmp_path)
    assert said == ""
    for frame, share in zip(found, (0.2, 0.9, 1.0), strict=True):
        expected = np.rint(ramp * share)
        assert np.abs(frame.image_bgr[..., 0] - expected).max() <= 1


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_numbers_with_a_point_are_samples_too(tmp_path: Path, scale: float) -> None:
    ramp = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1))
    write_picture(str(tmp_path / "a.tif"), ramp * scale)
    (frame,), said = see(tmp_path / "a.tif")
    assert said == ""
    assert np.abs(frame.image_bgr[..., 0] - ramp * 255).max() <= 1


def test_what_a_png_says_of_its_bits_counts(tmp_path: Path) -> None:
    deep: NDArray[np.uint16] = np.full((40, 60), 500, np.uint16)
    data = encoded(".png", deep)
    (tmp_path / "a.png").write_bytes(data[:33] + png_chunk(b"sBIT", b"\x0c") + data[33:])
    (frame,), _ = see(tmp_path / "a.png")
    assert int(frame.image_bgr.mean()) == round(500 * 255 / 4095)


@pytest.mark.parametrize(
    ("kind", "value", "most"), [(3, 4095, 4095), (3, 255, None), (4, 4095, None)]
)
def test_what_a_tiff_says_of_its_brightest_sample_counts(
    kind: int, value: int, most: int | None
) -> None:
    entry = struct.pack("<HHIHH", 281, kind, 1, value, 0)
    data = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    assert read_header(data).most_value == most


def giant(suffix: str) -> bytes:
    """A header of 1600 megapixels with nothing behind it."""
    if suffix == ".png":
        head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0))
        data = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        return b"\x89PNG\r\n\x1a\n" + head + data + png_chunk(b"IEND", b"")
    if suffix == ".bmp":
        sizes = struct.pack("<IiiHHIIiiII", 40, 40_000, 40_000, 1, 24, 0, 0, 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + sizes
    edited = bytearray(encoded(suffix, scene()))
    if suffix == ".jpg":
        at = edited.index(b"\xff\xc0")
        struct.pack_into(">HH", edited, at + 5, 40_000, 40_000)
        return bytes(edited)
    (at,) = struct.unpack_from("<I", edited, 4)
    for entry in range(at + 2, at + 26, 12):  # width and height are the first two
        if struct.unpack_from("<H", edited, entry)[0] in {256, 257}:
            struct.pack_into("<HII", edited, entry + 2, 4, 1, 40_000)
    return bytes(edited)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif", ".webp"])
def test_a_broken_picture_costs_itself_and_one_sentence(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    whole = encoded(suffix, noise)
    wrong = [whole[: len(whole) // 2], whole[:40], whole[:3], b"", b"\0" * 500]
    wrong += [giant(suffix)] if suffix != ".webp" else []
    for number, data in enumerate((whole, *wrong, whole)):
        (tmp_path / f"{number}{suffix}").write_bytes(data)
    found, said = see(tmp_path)
    assert [frame.size_hw for frame in found] == [(200, 300), (200, 300)]
    assert found[1].time_s == pytest.approx((len(wrong) + 1) / 30)
    assert said.startswith(f"{len(wrong)} of {len(wrong) + 2} pictures could not be read")
    assert f"1{suffix}" in said


def test_other_things_among_the_pictures_are_passed_over(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encoded(".png", scene()))
        (tmp_path / f"._{name}").write_bytes(b"\0\5\x16\7" + bytes(100))
    (tmp_path / "c.png").mkdir()
    (tmp_path / "notes.txt").write_text("no picture")
    for text in (tmp_path, tmp_path / "*.png", tmp_path / "*"):
        found, said = see(text)
        assert (len(found), said) == (2, "")


def test_a_picture_with_values_below_zero_is_shown_from_its_darkest_to_its_brightest() -> None:
    values = np.array([[-100.0, 0.0, 155.0]], np.float32)
    np.testing.assert_array_equal(Depth().to_8_bits(values, None), [[0, 100, 255]])


def test_a_jpeg_may_fill_up_before_what_it_says_of_its_turn() -> None:
    data = turned_file(".jpg", 6)
    at = data.index(b"\xff\xe1")
    for fill in (b"", b"\xff", b"\xff\xff", b"\xff\xff\xff"):
        header = read_header(data[:at] + fill + data[at:])
        assert (header.orientation, header.is_whole) == (6, True)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_webp_that_moves_in_one_picture_does_not_move(count: int) -> None:
    body = b"WEBP" + struct.pack("<4sI", b"ANMF", 0) * count
    data = b"RIFF" + struct.pack("<I", len(body)) + body
    assert read_header(data).frames == max(1, count)


@pytest.mark.parametrize(("count", "most"), [(64, 32), (320, 32), (20, 20)])
def test_of_a_large_folder_thirty_two_pictures_tell_the_range(
    monkeypatch: pytest.MonkeyPatch, count: int, most: int
) -> None:
    """All of a thousand would be read twice before the first is shown."""
    looked: list[Path] = []

    def pages(path: Path) -> list[object]:
        looked.append(path)
        return []

    monkeypatch.setattr(f"{Depth.__module__}._pages_or_none", pages)
    Depth([Path(f"{n}.png") for n in range(count)]).to_8_bits(np.ones((2, 2, 3), np.uint16), None)
    assert len(looked) == most


def test_a_png_without_its_end_is_not_whole() -> None:
    data = encoded(".png", scene())
    assert read_header(data).is_whole
    assert not read_header(data[:-12]).is_whole
