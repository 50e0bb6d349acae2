"""steadypose: python run.py --camera 0."""

import signal
import sys

if __name__ == "__main__":
    try:
        from steadypose.realtime.command.stop import Stop

        stop = Stop()  # from here on: packages swallow interrupts while they load
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        stop.watch()
        from steadypose.realtime.cli import main

        sys.exit(main(stop=stop))
    except KeyboardInterrupt:  # while the program was still loading
        print("error: interrupted (SIGINT) before the start\n  fix: run it again", file=sys.stderr)
        sys.exit(2)
