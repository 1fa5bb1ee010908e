"""What a scenario found: figures with their bars, what was real, and pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.table import Line


@dataclass
class Outcome:
    """Filled by a scenario as it goes; it has passed when every bar is met."""

    lines: list[Line] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)
    """SVG texts by the name of the file without its ending."""
    problem: str = ""
    """Why the scenario could not go to its end."""
    left_out: str = ""
    """Why it was not run at all."""

    @property
    def passed(self) -> bool:
        """Whether it ran to its end and met every bar."""
        return not self.problem and not self.left_out and all(line.met is not False for line in self.lines)

    def tell(self, what: str, value: object) -> None:
        """A figure without a bar."""
        self.lines.append(Line(what, str(value)))

    def expect(self, what: str, value: object, bar: str, met: bool) -> bool:
        """A figure and whether it meets the bar; nothing is raised, so that all of them are seen."""
        self.lines.append(Line(what, str(value), bar, met))
        return met
