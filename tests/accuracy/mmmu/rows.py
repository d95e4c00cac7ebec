"""The drawn questions as rows with MMMU's columns, to make data sets in MMMU's format."""

from vlnb.accuracy import mmmu


def rows():
    """Return one row for each drawn question."""
    drawn = mmmu.drawn()
    return [row(question, drawn.pictures(question)) for question in drawn.questions]


def row(question, pictures):
    files = {f"image_{n}": {"bytes": data, "path": f"{question.id}_{n}.png"} for n, data in pictures.items()}
    return {
        "id": question.id,
        "question": question.text,
        "options": str(list(question.options)),
        "explanation": "",
        **dict.fromkeys(f"image_{n}" for n in range(1, 8)),
        **files,
        "img_type": f"['{question.subject}']",
        "answer": question.answers[0] if len(question.answers) == 1 else str(list(question.answers)),
        "topic_difficulty": "Easy",
        "question_type": "open" if question.is_open else "multiple-choice",
        "subfield": question.subject,
    }
