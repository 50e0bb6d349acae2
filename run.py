"""steadypose: python run.py --camera 0."""

import sys

from realtime.cli import main

if __name__ == "__main__":
    sys.exit(main())
