"""The answer to who asks for a part that there is not."""

from __future__ import annotations

from indexapp.domain.byte_ranges import UnsatisfiableRange
from indexapp.views.machine.messages import Question, Reply
from tpi_site.kit.edge import problem_answer


def unsatisfiable(question: Question, error: UnsatisfiableRange) -> Reply:
    """416, with how large the file is."""
    answer = problem_answer(
        416, "range-unsatisfiable", "The range lies outside the file.", "", {"Content-Range": error.content_range}
    )
    headers = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        *answer.headers.items(),
    ]
    return Reply(416, headers, b"" if question.is_head else answer.body)
