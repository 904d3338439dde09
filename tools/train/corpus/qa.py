"""One question and its answer, the unit from which conversations are put together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class QA:
    """A question with a full answer and the shortest one that is still right."""

    question: str
    full: str
    short: str

    @property
    def is_one_word(self) -> bool:
        return " " not in self.short.strip() and "\n" not in self.short
