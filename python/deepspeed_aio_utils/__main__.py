"""The command line: dsaio run|check|bench, or python -m deepspeed_aio_utils."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import __version__, sizes
from .errors import ActivationError


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a directory")
    return path.resolve()


def _size(text: str) -> int:
    try:
        size = sizes.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if size == 0 or size % 4096:
        raise argparse.ArgumentTypeError(f"{text} is not a multiple of 4096 bytes, such as 512M or 1GiB")
    return size


def _sizes(text: str) -> list[int]:
    return [_size(size) for size in text.split(",")]


def _count(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of at least 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dsaio" if Path(sys.argv[0]).name == "dsaio" else f"python -m {__package__}",
        description="DeepSpeed's NVMe I/O, faster, and with an exception for each transfer that fails.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser(
        "run",
        help="start a script, a module or a program with the libraries on",
        usage="%(prog)s (SCRIPT.py | -m MODULE | PROGRAM) [ARGUMENT...]",
        description="Switches the libraries on, here and in every Python that is started from here. Exit "
        "status 1, before anything is started, if they cannot be switched on.",
    )
    run.add_argument("target", nargs="+", help="script, module or program, and its arguments")

    check = commands.add_parser(
        "check",
        help="check that the libraries are on, and that a tensor can be written and read back",
        description="Exit status 0: nothing failed; 1: something failed, and its line says what to do.",
    )
    check.add_argument("--dir", type=_directory, default=".", help="where the tensors go (default: here)")
    check.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    bench = commands.add_parser(
        "bench",
        help="move tensors with and without the libraries, in turns, and compare",
        description="Moves tensors with DeepSpeed's own code, with the first library and with both, and "
        "prints the speeds; the gain is that of both over DeepSpeed. Measure while the machine is idle. "
        "Where fio is installed it shows the device's limit; as root it reserves 8 huge pages meanwhile.",
    )
    bench.add_argument("--dir", type=_directory, default=".", help="where the tensors go (default: here)")
    every = "1M,2M,4M,8M,16M,32M,64M,1G"
    bench.add_argument("--sizes", type=_sizes, default=every, help=f"sizes of the tensors (default: {every})")
    bench.add_argument("--rounds", type=_count, default="5", help="how often each is measured (default: 5)")
    bench.add_argument("--block-size", type=_size, default="1MiB", help="(default: 1MiB)")
    bench.add_argument("--queue-depth", type=_count, default="8", help="(default: 8)")
    bench.add_argument("--threads", type=_count, default="1", help="threads of aio_handle (default: 1)")
    bench.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    return parser


def _run(command: list[str]) -> int:
    from .run import run

    try:
        run(command)
    except ActivationError as error:
        print(f"deepspeed_aio_utils: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Runs the command; the exit status."""
    # Options after `run` are the script's, and so is -m; argparse would look for them here.
    if sys.argv[1:2] == ["run"] and sys.argv[2:3] not in ([], ["-h"], ["--help"]):
        return _run(sys.argv[2:])
    arguments = _parser().parse_args()
    if arguments.command == "check":
        from .check import check

        return check(arguments.dir, arguments.json)
    from .bench import Settings, bench

    return bench(
        Settings(
            directory=str(arguments.dir),
            sizes=arguments.sizes,
            rounds=arguments.rounds,
            block_size=arguments.block_size,
            queue_depth=arguments.queue_depth,
            threads=arguments.threads,
        ),
        arguments.json,
    )


if __name__ == "__main__":
    sys.exit(main())
