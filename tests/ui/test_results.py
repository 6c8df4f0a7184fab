import csv
import io
import json
import re
import shutil
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from streamlit import dataframe_util
from streamlit.testing.v1 import AppTest

from denoise import catalogue, registry
from denoise.notation import EQUAL, set_and_size
from denoise.ui import charts, samples
from denoise.ui.pages import drawings, elements, results, story_words
from denoise.ui.pages import results_words as words

SVG = "{http://www.w3.org/2000/svg}"


def page():
    from denoise.ui.pages import results

    results.show()


TABLES = 2 + len(json.loads((elements.RESULTS_DIR / "results.json").read_text("utf-8"))["quantisation"])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the results that may be changed; the page reads it."""
    copy = tmp_path / "results"
    shutil.copytree(elements.RESULTS_DIR, copy, ignore=shutil.ignore_patterns("curves"))
    monkeypatch.setattr(elements, "RESULTS_DIR", copy)
    monkeypatch.setattr(elements, "chart", lambda heading, sentence, draw, *others, **options: None)  # takes long
    return copy


@pytest.fixture
def downloads(monkeypatch):
    """The files that the download buttons give, by name."""
    files = {}

    def download_button(label, data, *, file_name, **options):
        files[file_name] = data

    monkeypatch.setattr(results.st, "download_button", download_button)
    return files


def run():
    app = AppTest.from_function(page, default_timeout=60).run()
    assert not app.exception
    assert [header.value for header in app.header] == list(words.CHAPTERS.values())
    return app


def missing(app):
    return [info.value for info in app.info]


def change(path, edit):
    content = json.loads(path.read_text("utf-8"))
    edit(content)
    path.write_text(json.dumps(content), "utf-8")


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_page_shows_every_chapter_and_misses_nothing():
    app = run()
    assert missing(app) == []
    assert len(app.dataframe) == TABLES
    assert len(app.get("vega_lite_chart")) == 8  # the details of each set are drawn when they are looked at
    for name, title in words.SETS.items():
        app.session_state[f"set {title}"] = True
        app.run()
        found = json.loads((elements.RESULTS_DIR / "eda" / name / "eda.json").read_text("utf-8"))
        assert len(app.get("vega_lite_chart")) == 8 + 5 + 2 * bool(found["groups"]), title
        app.session_state[f"set {title}"] = False


def test_quality_table_and_its_file_hold_the_numbers_unrounded(downloads):
    app = run()
    written = json.loads((elements.RESULTS_DIR / "results.json").read_text("utf-8"))
    shown = app.dataframe[1].value.set_index(words.DENOISER)
    rows = {row[words.DENOISER]: row for row in table(downloads["results.csv"])}
    assert list(rows) == list(shown.index) == [each["title"] for each in written["denoisers"].values()]
    for denoiser in written["denoisers"].values():
        row = rows[denoiser["title"]]
        for key, mean in denoiser["sets"].items():
            title = set_and_size(key, written["sets"][key]["photos"])
            seen = shown.loc[denoiser["title"], f"{title} PSNR"]
            if mean["psnr"] is None:
                assert row[f"{title} PSNR"] == seen == EQUAL
            else:
                assert float(row[f"{title} PSNR"]) == mean["psnr"]
                assert float(seen) == round(mean["psnr"], 2)
            assert float(row[f"{title} SSIM"]) == mean["ssim"]
        assert row[words.PARAMETERS] == str(denoiser["parameters"] or "")


def test_every_table_has_a_file(folder, downloads):
    app = run()
    assert len(downloads) == len(app.dataframe)
    for data, frame in zip(downloads.values(), app.dataframe, strict=True):
        rows = table(data)
        assert (len(rows), len(rows[0])) == frame.value.shape


def test_page_shows_a_new_network_without_some_numbers_and_its_colour_shift(folder, downloads):
    def edit(content):
        content["denoisers"]["unet best"] = {
            "title": "U-Net, best",
            "seconds_per_tile": 0.4,
            "sets": {"kodak clean": {"psnr": 45.1234, "ssim": 0.99, "colour_shift": 0.125}},
        }

    change(folder / "results.json", edit)
    app = run()
    row = next(row for row in table(downloads["results.csv"]) if row[words.DENOISER] == "U-Net, best")
    assert row["Kodak clean (24) PSNR"] == "45.1234"
    assert row[words.SHIFT_COLUMN.format("Kodak clean")] == "0.125"
    assert row["PolyU (54) PSNR"] == row[words.PARAMETERS] == ""
    assert missing(app) == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"sets": {"polyu"', id="truncated"),
        pytest.param(b"[]", id="list"),
        pytest.param(
            b'{"sets": {}, "denoisers": {"a": 1}, "quantisation": 3, "sentences": 1, "plots": []}', id="other"
        ),
        pytest.param(b"\xff\xfe\x00", id="binary"),
    ],
)
@pytest.mark.parametrize(
    ("file", "tables"), [("results.json", 1), ("eda/sidd/eda.json", TABLES), ("baseline/baseline.json", TABLES)]
)
def test_unreadable_file_gives_a_sentence_and_leaves_the_rest(folder, file, tables, content):
    path = folder / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    app = run()
    if content is None and "eda" in file:
        assert len(app.dataframe[0].value) == 2  # a set that is not there is none that is missing
        return
    assert set(missing(app)) == {words.unreadable(path.name)}
    assert len(app.dataframe) == tables


def test_nothing_measured_gives_sentences(folder, monkeypatch):
    shutil.rmtree(folder)
    monkeypatch.setattr(results, "TRAINING_LOG", folder / "TRAINING.md")
    app = run()
    assert set(missing(app)) == {
        words.unreadable(name) for name in ("eda.json", "baseline.json", "results.json", "TRAINING.md")
    }
    assert not app.dataframe


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_unreadable_picture_gives_a_sentence(folder, content):
    path = folder / json.loads((folder / "results.json").read_text("utf-8"))["examples"][0]["file"]
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert missing(run()) == [words.unreadable(path.name)]


def test_pictures_say_what_they_show():
    figures = [each.proto.body for each in run().get("html") if "<figure" in each.proto.body]
    assert len(figures) == 2 + len(drawings.NETWORKS) + 2  # pair, patches, networks, a closer look and squares
    for figure in figures:
        assert figure.count("<img") == figure.count("<figcaption>")
        assert 'alt=""' not in figure


def test_squares_are_those_of_the_chosen_photo_with_what_was_measured_of_it():
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["crops"] = 1
    app.run()
    example = json.loads((elements.RESULTS_DIR / "results.json").read_text("utf-8"))["examples"][1]
    squares = [each.proto.body for each in app.get("html") if 'class="squares"' in each.proto.body][1]
    assert re.findall(r'alt="(.*?)"', squares) == [f"{example['name']}: {title}" for title, _ in example["squares"]]
    assert re.findall(r"</strong> (.*?)<", squares) == [said for _, said in example["squares"]]
    assert len(example["squares"]) == 3 + len(registry.list_models())


def test_chart_shows_the_set_of_the_url():
    app = AppTest.from_function(page, default_timeout=60)
    app.query_params["set"] = "SIDD"
    app.run()
    written = json.loads((elements.RESULTS_DIR / "results.json").read_text("utf-8"))
    points = {each["title"]: each["psnr"] for each in drawn(app, 7)}
    expected = {d["title"]: d["sets"]["sidd"]["psnr"] for d in written["denoisers"].values() if d["seconds_per_tile"]}
    assert points == expected


def drawn(app, number):
    """The points of a chart."""
    chart = app.get("vega_lite_chart")[number].proto
    sets = [dataframe_util.convert_arrow_bytes_to_pandas_df(each.data.data) for each in chart.datasets]
    return max(sets, key=len).to_dict("records")


def test_points_leave_out_what_has_no_place():
    def denoiser(psnr, seconds):
        return {"title": "A", "seconds_per_tile": seconds, "sets": {"a": {"psnr": psnr, "ssim": 1.0}}}

    sets = results._points(
        {
            "sets": {"a": {"title": "A", "photos": 2}, "b": {"title": "B", "photos": 2}},
            "denoisers": {
                "noisy": denoiser(20.0, None),
                "equal": denoiser(None, 0.1),
                "nlm": denoiser(30.0, 0.2),
            },
        }
    )
    assert list(sets) == ["a"]
    assert sets["a"]["noisy"] == 20.0
    assert [(point["ms"], point["kind"]) for point in sets["a"]["points"]] == [(200.0, words.FILTER)]


def test_names_in_the_chart_do_not_cover_each_other():
    points = [{"title": f"{n}", "ms": 100 + n, "psnr": 36 + 0.001 * n, "kind": words.NETWORK} for n in range(5)]
    points += [{"title": "far", "ms": 1, "psnr": 35.0, "kind": words.FILTER}]
    spec = charts.scatter(sorted(points, key=lambda point: point["psnr"]), None).to_dict()
    placed = max(spec["datasets"].values(), key=len)
    labels = [each["label"] for each in placed if each["title"] != "far"]
    assert all(above - below > 0.05 for below, above in pairwise(labels))
    assert placed[0]["label"] == placed[0]["psnr"] == 35.0


def test_names_in_the_chart_do_not_cover_points():
    points = [{"title": title, "ms": ms, "psnr": 36.5, "kind": words.NETWORK} for title, ms in (("a", 10), ("b", 20))]
    points += [{"title": "far", "ms": 1000, "psnr": 35.0, "kind": words.FILTER}]
    spec = charts.scatter(sorted(points, key=lambda point: point["psnr"]), None).to_dict()
    labels = {each["title"]: each["label"] for each in max(spec["datasets"].values(), key=len)}
    assert labels["a"] > 36.55  # to its right lies b
    assert labels["b"] > labels["a"]


def test_quantisation_says_what_the_bundled_format_gains():
    written = json.loads((elements.RESULTS_DIR / "results.json").read_text("utf-8"))
    for name, network in written["quantisation"].items():
        formats = network["formats"]
        key, about = next(iter(network["sets"].items()))
        sentence = results._gain(name, formats, key, (about["photos"], 54))
        card = json.loads((results.registry.MODELS_DIR / f"{name}.json").read_text("utf-8"))
        smaller = formats["Keras float32"]["bytes"] / formats[card["quantisation"]]["bytes"]
        assert f"{smaller:.1f} times smaller" in sentence
        assert f"on {about['photos']} photos of PolyU" in sentence


def test_quantisation_says_on_which_photos_it_was_measured():
    app = run()
    written = json.loads((elements.RESULTS_DIR / "results.json").read_text("utf-8"))
    for frame, network in zip(app.dataframe[2:], written["quantisation"].values(), strict=True):
        for key, about in network["sets"].items():
            title = set_and_size(key, about["photos"], written["sets"][key]["photos"])
            assert f"{title} PSNR" in frame.value
            assert any(
                f"{about['photos']} of the {written['sets'][key]['photos']} photos" in c.value for c in app.caption
            )


def test_nothing_is_infinite_nor_a_negative_zero_nor_called_by_its_folder(folder, downloads):
    def edit(content):
        for network in content["quantisation"].values():
            network["formats"]["float32"]["sets"]["polyu"]["loss"] = -0.0004
            network["formats"]["float32"]["sets"]["sidd"]["loss"] = -0.0

    change(folder / "results.json", edit)
    app = run()
    for frame in app.dataframe:
        for column in frame.value:
            for cell in frame.value[column]:
                assert str(cell) not in ("inf", "-0.0", "-0.00"), column
    assert not re.search(r"\binf\b|-0\.0+\b|\bpolyu\b|\bsidd\b", "".join(downloads.values()))
    html = "".join(each.proto.body for each in app.get("html"))
    said = html + "".join(each.value for each in [*app.markdown, *app.caption])
    assert "polyu" not in said
    for name in samples.list_samples():
        assert f">{name}:" not in html
        assert f'"{name}:' not in html


def test_quantisation_names_what_failed(folder):
    def edit(content):
        formats = next(iter(content["quantisation"].values()))["formats"]
        formats["full int8"] = {"error": "the converter gave up"}

    change(folder / "results.json", edit)
    app = run()
    assert any("the converter gave up" in caption.value for caption in app.caption)
    assert missing(app) == []


def test_training_log_stands_below_its_chapter():
    text = next(each.value for each in run().markdown if "RIDNet, He initialisation" in each.value)
    assert "# Training log" not in text
    assert {line.split()[0] for line in text.splitlines() if line.startswith("#")} == {"###"}


def test_curves_are_drawn_where_a_log_is(folder, downloads):
    (folder / "curves").mkdir()
    log = "epoch,steps,loss,psnr,val_psnr\n0,100,0.1,30.5,\n1,200,0.1,31.5,33.25\n"
    (folder / "curves" / "ridnet.csv").write_text(log)
    app = run()
    points = [(each["steps"], each["value"]) for each in drawn(app, 0)]
    assert points == [(100, 30.5), (200, 31.5), (200, 33.25)]
    assert downloads["training-ridnet.csv"] == log


def test_loss_is_drawn_where_it_is_asked_for():
    app = AppTest.from_function(page, default_timeout=60)
    app.query_params["curve"] = "Loss"
    app.run()
    log = table((elements.RESULTS_DIR / "curves" / "ridnet.csv").read_text("utf-8"))
    assert [each["value"] for each in drawn(app, 6)] == [float(row["loss"]) for row in log]


@pytest.mark.parametrize(("names", "columns"), [(["red", "green", "blue"], 3), (["A name that is long", "B"], 1)])
def test_legend_leaves_room_for_the_curves_and_shows_pieces_of_them(names, columns):
    rows = [{"kind": name, "x": x, "y": 1.0} for name in names for x in (1, 2)]
    legend = charts.lines(rows, "x", "y", by=names).to_dict()["layer"][0]["encoding"]["color"]["legend"]
    assert (legend["columns"], legend["symbolType"]) == (columns, "stroke")


def test_gain_is_drawn_of_a_log_that_has_nothing_else(folder):
    (folder / "curves").mkdir()
    (folder / "curves" / "ffdnet.csv").write_text("part,steps,gain\n1,200,0.5\n2,400,9.5\n")
    assert [(each["steps"], each["value"]) for each in drawn(run(), 0)] == [(200, 0.5), (400, 9.5)]


def test_every_network_has_a_drawing_that_stays_in_its_frame():
    known = set(catalogue.denoiser_names()) - {"nlm"}
    assert set(drawings.NETWORKS) == known
    for drawing in drawings.NETWORKS.values():
        root = ElementTree.fromstring(drawings.svg(drawing, "#000", "#fff"))
        boxes = [
            {key: float(each.get(key)) for key in ("x", "y", "width", "height")} for each in root.iter(f"{SVG}rect")
        ]
        assert len(boxes) == sum(len(stage.parts) or 1 for stage in drawing.stages)
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= drawings.SIZE[0] for box in boxes)
        assert all(0 < float(text.get("y")) < drawings.SIZE[1] for text in root.iter(f"{SVG}text"))
        assert len(list(root.iter(f"{SVG}path"))) == len(drawing.skips)


def test_code_that_is_named_is_there():
    for _, file in story_words.CODE_OF.values():
        assert (registry.MODELS_DIR.parent / file).exists(), file


@pytest.mark.parametrize("log", ["", "epoch,loss\n0,1\n", "steps,psnr,val_psnr\nx,y,z\n"])
def test_damaged_curves_give_a_sentence(folder, log):
    (folder / "curves").mkdir()
    (folder / "curves" / "ridnet.csv").write_text(log)
    assert missing(run()) == [words.unreadable("ridnet.csv")]
