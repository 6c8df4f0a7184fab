"""What the documents refer to is there."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md"), REPOSITORY / "models" / "TRAINING.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_and_named_files_are_there(document):
    text = document.read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if not (document.parent / link).exists()] == []
    # As one writes them: from the top of the repository, without wildcards and made-up names.
    named = re.findall(r"`((?:denoise|tests|models|samples|docs|\.ci)/[\w./-]+\.\w+)`", text)
    assert [name for name in named if "NAME" not in name and not (REPOSITORY / name).exists()] == []
