"""The options that several benchmarks have in common."""

import argparse


def command_line(description: str | None) -> argparse.ArgumentParser:
    """A parser that shows the module's docstring as it is written."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_quick(parser: argparse.ArgumentParser) -> None:
    """`--quick`: a short run."""
    parser.add_argument("--quick", action="store_true", help="a short run: whether it works, not how fast it is")


def add_writes_only(parser: argparse.ArgumentParser) -> None:
    """`--writes-only`: the variant of the bare workflow."""
    parser.add_argument("--writes-only", action="store_true", help="the bare workflow reads nothing of the ERP")
