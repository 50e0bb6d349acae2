"""Follow two people and keep their wrists: python two_people_to_parquet.py [source] [file].

It needs pyarrow. For all keypoints there is a command: steadypose run --persons 2 --parquet FILE.
"""

import contextlib
import sys

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

import steadypose as sp

SCHEMA = pa.schema(
    [("time_s", pa.float64()), ("person", pa.int32()), ("side", pa.string())]
    + [(name, pa.float32()) for name in ("x", "y", "std_x", "std_y")]
)


def main(source: str = "0", file: str = "wrists.parquet") -> None:
    """Write a row group for each frame; press Ctrl-C to end a camera."""
    with sp.open(source, persons=2) as frames, pq.ParquetWriter(file, SCHEMA) as writer:
        for frame in frames:
            rows = []
            for person in frame.persons:
                for side in ("left", "right"):
                    k = person.names.index(f"{side}_wrist")
                    std_x, std_y = person.covariance[k].diagonal() ** 0.5
                    x, y = person.xy[k]
                    row = (frame.time_s, person.id, side, x, y, std_x, std_y)
                    rows.append(dict(zip(SCHEMA.names, row, strict=True)))
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
