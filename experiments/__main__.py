"""`python -m experiments`, and the command `lockstep`."""

import os
import sys

from experiments.harness import interruption

__all__ = ["main"]


def main() -> int:
    """Run the command line; a reader of its output may close the pipe, as `head` does."""
    interruption.watch()
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the remaining output
        code = 1
    except KeyboardInterrupt:  # before anything is kept, or after the end
        code = 130
    return code


def _run() -> int:
    """Run the command line, unless another package named `datasets` hides ours."""
    import datasets

    if not hasattr(datasets, "load_truth_table"):
        where = getattr(datasets, "__file__", None) or list(datasets.__path__)
        print(
            f"error: the package 'datasets' in {where} is not lockstep's and hides it; "
            "use lockstep in an environment of its own (make setup)",
            file=sys.stderr,
        )
        return 2
    from experiments.harness.cli.app import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
