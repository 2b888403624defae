"""The entry point of `python -m autoscaler.cli`."""

from autoscaler.cli.group import main

if __name__ == "__main__":
    main(prog_name="autoscaler")
