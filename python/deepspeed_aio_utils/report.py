"""The lines of a report: what was checked, what was found, and what to do if it is not OK."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any, TextIO

OK, WARNING, FAILED = "ok", "warning", "failed"

_TAGS = {OK: "[OK]", WARNING: "[WARNING]", FAILED: "[FAILED]"}
_COLORS = {OK: "\033[92m", WARNING: "\033[93m", FAILED: "\033[91m"}


@dataclass(frozen=True)
class Line:
    """The result of one check."""

    name: str
    status: str
    value: str
    remedy: str | None = None
    """What to do; given exactly if the status is not OK."""

    def __post_init__(self) -> None:
        if (self.status == OK) == (self.remedy is not None):
            raise ValueError(f"{self.name}: give a remedy exactly if the status is not OK")


@dataclass
class Report:
    """Prints lines as they come, or keeps them for one JSON object."""

    out: TextIO
    as_json: bool = False
    lines: list[Line] = field(default_factory=list)

    def section(self, title: str) -> None:
        """Starts a group of lines."""
        if not self.as_json:
            print(f"\n{title}", file=self.out, flush=True)

    def add(self, line: Line) -> Line:
        """Adds a line."""
        self.lines.append(line)
        if not self.as_json:
            tag = _TAGS[line.status]
            if self.out.isatty():
                tag = f"{_COLORS[line.status]}{tag}\033[0m"
            print(f"  {line.name + ' ':.<42} {tag} {line.value}", file=self.out, flush=True)
            if line.remedy is not None:
                print(f"      -> {line.remedy}", file=self.out, flush=True)
        return line

    @property
    def failed(self) -> bool:
        """Whether a line failed; a warning does not count."""
        return any(line.status == FAILED for line in self.lines)

    def finish(self, **extra: Any) -> int:
        """Prints the summary; the exit status."""
        counts = {status: sum(line.status == status for line in self.lines) for status in _TAGS}
        if self.as_json:
            lines = [asdict(line) for line in self.lines]
            json.dump({"ok": not self.failed, "counts": counts, "lines": lines, **extra}, self.out, indent=2)
            print(file=self.out)
        else:
            warnings = f", {counts[WARNING]} warnings" if counts[WARNING] else ""
            verdict = f"{counts[FAILED]} FAILED{warnings}" if self.failed else f"all OK{warnings}"
            print(f"\n{verdict}", file=self.out)
        self.out.flush()
        return int(self.failed)


def stderr(text: str) -> None:
    """Prints a message that is not part of the report."""
    print(f"deepspeed_aio_utils: {text}", file=sys.stderr, flush=True)
