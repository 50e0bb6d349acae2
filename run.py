"""steadypose: python run.py --camera 0."""

import sys

if __name__ == "__main__":
    try:
        from realtime.cli import main

        sys.exit(main())
    except KeyboardInterrupt:  # while the program was still loading
        print("error: interrupted (SIGINT) before the start\n  fix: run it again", file=sys.stderr)
        sys.exit(2)
