"""Do something when a hand goes up: python raised_hand.py [source]."""

import sys

import steadypose as sp


def main(source: str = "0") -> None:
    """A hand is up while its wrist is above the nose; NaN, while it is lost, is above nothing."""
    up: set[tuple[int, str]] = set()
    with sp.open(source, persons=2) as frames:
        for frame in frames:
            for person in frame.persons:
                _, nose_y = person["nose"]
                for side in ("left", "right"):
                    hand = (person.id, side)
                    _, wrist_y = person[f"{side}_wrist"]
                    if wrist_y < nose_y and hand not in up:
                        up.add(hand)
                        print(f"{frame.time_s:6.2f} s: person {person.id}, {side} hand up")
                    elif wrist_y > nose_y + 20:  # pixels, so that trembling is not counted
                        up.discard(hand)


if __name__ == "__main__":
    main(*sys.argv[1:])
