"""The lines of a report: what was looked at, what was found, and what to do where it is not OK."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any, Optional, TextIO

OK, WARNING, FAILED = "ok", "warning", "failed"

_TAGS = {OK: "[OK]", WARNING: "[WARNING]", FAILED: "[FAILED]"}
_COLORS = {OK: "\033[92m", WARNING: "\033[93m", FAILED: "\033[91m"}


@dataclass(frozen=True)
class Line:
    """One thing that was looked at."""

    name: str
    status: str
    value: str
    remedy: Optional[str] = None
    """What to do; always there where the status is not OK."""

    def __post_init__(self) -> None:
        if (self.status == OK) == (self.remedy is not None):
            raise ValueError(f"{self.name}: a remedy belongs to each line that is not OK, and to no other")


@dataclass
class Report:
    """Prints lines as they come, or keeps them for one JSON object."""

    out: TextIO
    as_json: bool = False
    lines: "list[Line]" = field(default_factory=list)

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
        """Whether a line failed. A warning is no failure."""
        return any(line.status == FAILED for line in self.lines)

    def finish(self, **facts: Any) -> int:
        """Prints the sum of it; the exit status."""
        counts = {status: sum(line.status == status for line in self.lines) for status in _TAGS}
        if self.as_json:
            lines = [asdict(line) for line in self.lines]
            json.dump({"ok": not self.failed, "counts": counts, "lines": lines, **facts}, self.out,
                      indent=2)
            print(file=self.out)
        else:
            warnings = f", {counts[WARNING]} warnings" if counts[WARNING] else ""
            verdict = f"{counts[FAILED]} FAILED{warnings}" if self.failed else f"all OK{warnings}"
            print(f"\n{verdict}", file=self.out)
        self.out.flush()
        return int(self.failed)


def stderr(text: str) -> None:
    """Tells someone who is waiting."""
    print(f"deepspeed_aio_utils: {text}", file=sys.stderr, flush=True)
