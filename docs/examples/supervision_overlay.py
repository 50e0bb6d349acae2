"""Draw with supervision: python supervision_overlay.py [source] [picture].

It needs supervision (pip install supervision). Without a screen give a picture to write.
"""

import sys

import cv2
import supervision as sv

import steadypose as sp


def main(source: str = "0", picture: str = "") -> None:
    """Show people in a window until q is pressed, or save the last picture instead."""
    limbs, dots = sv.EdgeAnnotator(color=sv.Color.GREEN), sv.VertexAnnotator(radius=4)
    with sp.open(source, persons=2) as frames:
        for frame in frames:
            people = frame.to_supervision()
            image = limbs.annotate(frame.image_bgr.copy(), people)
            image = dots.annotate(image, people)
            if picture:
                continue
            cv2.imshow("supervision", image)
            if cv2.waitKey(1) == ord("q"):
                break
        if picture:
            cv2.imwrite(picture, image)


if __name__ == "__main__":
    main(*sys.argv[1:])
