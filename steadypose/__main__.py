"""``python -m steadypose``: the command ``steadypose`` where it is not installed."""

from steadypose.commands import main

if __name__ == "__main__":
    main()
