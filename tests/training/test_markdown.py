from pathlib import Path

from denoise.training import markdown


def test_report_holds_what_it_was_given_and_nothing_empty(tmp_path: Path) -> None:
    table = markdown.table(["set", "PSNR"], [["a", 30.5], ["b", "–"]])
    pictures = markdown.pictures({"a.png": "What is seen."})
    markdown.write(tmp_path / "README.md", "Title", markdown.bullets(["One.", "Two."]), "", table, pictures)
    assert (tmp_path / "README.md").read_text("utf-8") == (
        "# Title\n\n- One.\n- Two.\n\n| set | PSNR |\n| --- | ---: |\n| a | 30.5 |\n| b | – |\n\n"
        "![What is seen.](a.png)\n\nWhat is seen.\n"
    )
