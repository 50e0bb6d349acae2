"""Choose the outputs of a foreign network that hold the keypoints, and how to read them."""

from __future__ import annotations

from dataclasses import replace

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.export.wrap.network import Network
from steadypose.export.wrap.options import WrapOptions
from steadypose.export.wrap.output.points import are_points, choose_points
from steadypose.export.wrap.output.reading import (
    HeatmapReading,
    PointsReading,
    Reading,
    SimccReading,
)

Shapes = dict[str, tuple[int, ...]]
_OF_HEATMAPS = ("heatmap_layout", "background", "stride", "cells", "refine", "sigma")
_STRIDES = (1, 64)  # plausible crop pixels per cell for a guess
_FIX = "see docs/foreign_models.md; --heatmaps and --simcc name outputs"


def choose_reading(
    network: Network, skeleton: Skeleton, options: WrapOptions, guesses: list[str]
) -> Reading:
    """Find the outputs and how to read them.

    Args:
        network: For its sizes.
        skeleton: Its keypoints must be those of the outputs.
        options: The user's options.
        guesses: Decisions are appended, one line each.

    Raises:
        UsageError: No output fits, or several do and the choice is unclear; its number of
            keypoints is not the skeleton's; a name is unknown; or an option was given that these
            outputs do not use.
    """
    reading = _find_reading(network, skeleton, options, guesses)
    _refuse_unused(options, reading)
    return reading


def _refuse_unused(options: WrapOptions, reading: Reading) -> None:
    """Refuse options without effect: a misunderstanding that no later check can notice."""
    points = ["point", "unit", "person_score", "point_scores"]
    if isinstance(reading, PointsReading):
        unused = [*_OF_HEATMAPS, "split_ratio"]
        unused += ["point_scores"] if "s" in reading.point else []
        unused += [] if "s" in reading.point or reading.point_scores else ["activation"]
        kind, fix = "coordinates", "leave out what is for heatmaps or SimCC scores"
    elif isinstance(reading, SimccReading):
        unused = list(_OF_HEATMAPS)
        kind = "SimCC scores"
        fix = "leave out what is for heatmaps, or name some with --heatmaps"
    else:
        unused = ["split_ratio"]
        unused += ["stride"] if reading.cells == "udp" else []
        unused += ["sigma"] if reading.refine != "dark" else []
        kind = f"heatmaps of {reading.cells} cells with refinement {reading.refine}"
        fix = (
            "leave it out: --stride is for half and corner cells, --sigma for --refine dark, "
            "--split-ratio for SimCC (--simcc)"
        )
    if not isinstance(reading, PointsReading):
        unused += points
    given = [f"--{k.replace('_', '-')}" for k in unused if getattr(options, k) is not None]
    if given:
        raise UsageError(f"{kind} do not use {', '.join(given)}", fix=f"{fix}; also in --config")


def _find_reading(
    network: Network, skeleton: Skeleton, options: WrapOptions, guesses: list[str]
) -> Reading:
    for name in options.named:
        if name not in network.shapes:
            raise UsageError(f"there is no output {name!r}; {_list(network.shapes)}", fix=_FIX)
    shapes, k = network.shapes, len(skeleton)
    if options.points:
        return choose_points(options.points, network, skeleton, options, guesses)
    heatmaps = None if options.simcc else _heatmaps(network, k, options, guesses)
    if heatmaps is not None:
        return heatmaps
    if options.heatmaps:
        raise _misfit(network, skeleton)
    points = [n for n in shapes if not options.simcc and are_points(shapes[n], k)]
    if len(points) > 1:
        guesses.append(f"of the coordinates {', '.join(points)} the first are taken (--points)")
    if points:
        return choose_points(points[0], network, skeleton, options, guesses)
    return _simcc(network, skeleton, options, guesses)


def _heatmaps(
    network: Network, k: int, options: WrapOptions, guesses: list[str]
) -> HeatmapReading | None:
    """K heatmaps, or one more with a background, as OpenPose and others learn it."""
    k += options.background is not None
    maps = [name for name in network.shapes if _is_map(name, network, k, options)]
    if not maps:
        return None
    if len(maps) > 1:
        guesses.append(f"of the heatmaps {', '.join(maps)} the last are taken (--heatmaps)")
    found = _heatmap(maps[-1], network, k, options, guesses)
    return replace(found, background=options.background)


def _layouts(shape: tuple[int, ...], k: int, options: WrapOptions) -> list[str]:
    """Find the layouts in which a shape holds K heatmaps."""
    if len(shape) != 4 or shape[0] != 1:
        return []
    found = [layout for layout, axis in (("nchw", 1), ("nhwc", 3)) if shape[axis] == k]
    return [layout for layout in found if options.heatmap_layout in {None, layout}]


def _map_hw(shape: tuple[int, ...], layout: str) -> tuple[int, int]:
    return (shape[1], shape[2]) if layout == "nhwc" else (shape[2], shape[3])


def _is_map(name: str, network: Network, k: int, options: WrapOptions) -> bool:
    """Whether an output can be the heatmaps; a named one need not have a whole stride."""
    layouts = _layouts(network.shapes[name], k, options)
    if options.heatmaps:
        return name == options.heatmaps and bool(layouts)
    sizes = [_map_hw(network.shapes[name], layout) for layout in layouts]
    return any(
        options.stride or _stride(network, hw) or _corner_stride(network, hw) for hw in sizes
    )


def _stride(network: Network, heatmap_hw: tuple[int, int]) -> float | None:
    (height, width), (h, w) = network.input_hw, heatmap_hw
    stride = width / w
    return stride if height / h == stride and _STRIDES[0] <= stride <= _STRIDES[1] else None


def _corner_stride(network: Network, heatmap_hw: tuple[int, int]) -> float | None:
    """The stride where the last cells lie on the last pixels (udp), if it is a whole number."""
    (height, width), (h, w) = network.input_hw, heatmap_hw
    if min(h, w) < 2 or (width - 1) % (w - 1) or (height - 1) % (h - 1):
        return None
    stride = (width - 1) / (w - 1)
    return stride if (height - 1) / (h - 1) == stride and stride <= _STRIDES[1] else None


def _heatmap(
    name: str, network: Network, k: int, options: WrapOptions, guesses: list[str]
) -> HeatmapReading:
    shape = network.shapes[name]
    layouts = _layouts(shape, k, options)
    likely = [
        x
        for x in layouts
        if _stride(network, _map_hw(shape, x)) or _corner_stride(network, _map_hw(shape, x))
    ] or layouts
    layout = likely[0]
    heatmap_hw = h, w = _map_hw(shape, layout)
    cells, refine = options.cells or "corner", options.refine or "quarter"
    stride = options.stride or _stride(network, heatmap_hw)
    height, width = network.input_hw
    corner = _corner_stride(network, heatmap_hw)
    is_broken = stride is None or not stride.is_integer()
    if corner is not None and is_broken and options.stride is None and options.cells is None:
        cells = "udp"
        guesses.append(
            f"cells lie {corner:g} pixels apart, the last on the last pixel: udp (--cells)"
        )
    if stride is None and cells != "udp":
        raise UsageError(
            f"heatmaps {name!r} of {h}x{w} cells do not share {height}x{width} pixels evenly",
            fix="give --stride, crop pixels per cell",
        )
    size = f"{k} heatmaps of {h}x{w} cells"
    guesses.append(f"output {name!r} holds {size}, {layout} (--heatmaps, --heatmap-layout)")
    if options.stride is None and cells != "udp":
        guesses.append(f"stride {stride:g} (--stride)")
    if options.cells is None and cells != "udp":
        guesses.append("heatmap cells lie as in most published code: corner (--cells)")
    if options.refine is None:
        guesses.append("sub-pixel refinement quarter (--refine)")
    sigma = options.sigma or 2.0
    if refine == "dark" and options.sigma is None:
        guesses.append("the training's Gaussians had sigma 2 cells (--sigma)")
    if min(h, w) < 5:
        raise UsageError(f"heatmaps of {h}x{w} cells are too small", fix="choose other outputs")
    # The last cells of udp lie on the last pixels; without them the stride is whole.
    step_xy = ((width - 1) / (w - 1), (height - 1) / (h - 1))
    offset = 0.0
    if stride is not None and cells != "udp":
        step_xy = (stride, stride)
        offset = (stride - 1) / 2 if cells == "half" else 0.0
    return HeatmapReading(
        name=name,
        is_nhwc=layout == "nhwc",
        heatmap_hw=heatmap_hw,
        step_xy=step_xy,
        offset_xy=(offset, offset),
        refine=refine,
        sigma=sigma,
        is_logit=options.activation == "sigmoid",
        cells=cells,
    )


def _simcc(
    network: Network, skeleton: Skeleton, options: WrapOptions, guesses: list[str]
) -> SimccReading:
    height, width = network.input_hw
    k, shapes = len(skeleton), network.shapes
    flat = {n: s[2] for n, s in shapes.items() if len(s) == 3 and s[:2] == (1, k)}
    if options.simcc is not None:
        found = [options.simcc] if set(options.simcc) <= set(flat) else []
        how = ""
    else:
        every = [(x, y) for x in flat for y in flat if x != y]
        found = [(x, y) for x, y in every if flat[x] * height == flat[y] * width >= height * width]
        how = " by their names" if len(found) > 1 else ""
        found = _by_name(found, shapes) if len(found) > 1 else found
    if not found:
        raise _misfit(network, skeleton)
    x, y = found[0]
    ratio = options.split_ratio or flat[x] / width
    if options.simcc is None:
        guesses.append(f"outputs {x!r} and {y!r} are SimCC along x and y{how} (--simcc)")
    if options.split_ratio is None:
        guesses.append(f"{ratio:g} bins per pixel (--split-ratio)")
    if flat[x] != round(ratio * width) or flat[y] != round(ratio * height):
        raise UsageError(
            f"{flat[x]} and {flat[y]} bins are not {ratio:g} per pixel of {width} and {height}",
            fix="name x first, then y, after --simcc, or change --split-ratio",
        )
    return SimccReading((x, y), ratio, options.activation == "sigmoid")


def _by_name(found: list[tuple[str, str]], shapes: Shapes) -> list[tuple[str, str]]:
    """Choose by name among pairs whose sizes fit; for a square crop both orders do.

    Raises:
        UsageError: None is, or more than one.
    """

    def ends(name: str, axis: str) -> bool:
        return name.partition(":")[0].lower().endswith(axis)  # TensorFlow: "simcc_x:0"

    named = [(x, y) for x, y in found if ends(x, "x") and ends(y, "y")]
    if len(named) != 1:
        pairs = ", ".join(f"{x!r} with {y!r}" for x, y in named or found)
        raise UsageError(
            f"which outputs are SimCC along x and along y is not clear: {pairs} fit; "
            f"{_list(shapes)}",
            fix="give --simcc X Y, the output along x first",
        )
    return named


def _misfit(network: Network, skeleton: Skeleton) -> UsageError:
    """Explain why nothing fits: the number of keypoints, or the kind of outputs."""
    k = len(skeleton)
    has_k = any(
        (len(shape) == 3 and shape[1] == k) or (len(shape) == 4 and k in {shape[1], shape[3]})
        for shape in network.shapes.values()
    )
    what = "no output holds heatmaps or SimCC scores that fit the crop"
    if not has_k:
        what = f"no output has the {k} keypoints of {skeleton.name}"
    is_one_more = any(len(s) == 4 and k + 1 in {s[1], s[3]} for s in network.shapes.values())
    fix = (
        "give another --skeleton, or --background last or first if one heatmap is the background's"
        if is_one_more
        else _FIX
        if has_k
        else "give --skeleton, by name or as a table; --points and --point for coordinates"
    )
    return UsageError(f"{what}; {_list(network.shapes)}", fix=fix)


def _list(shapes: Shapes) -> str:
    each = (f"{name!r} is {'x'.join(str(d) for d in shape)}" for name, shape in shapes.items())
    return "for one crop " + (", ".join(each) or "it outputs nothing")
