"""The reader on real pictures: what is written, where, and in which order."""

import io
import random
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.embedded.pages import draw, rows, unread
from vlnb.embedded.lookup import find
from vlnb.embedded.reader import Reader, Stopped


@pytest.fixture(scope="module")
def reader():
    return Reader()


def overlap(a, b):
    """Intersection over union of a rectangle and a Box."""
    width = min(a[2], b.x2) - max(a[0], b.x1)
    height = min(a[3], b.y2) - max(a[1], b.y1)
    shared = max(0, width) * max(0, height)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b.x2 - b.x1) * (b.y2 - b.y1) - shared)


DRAW = runpy.run_path(str(Path(__file__).parent.parent.parent / "scripts" / "draw_samples.py"))


def test_warming_up_loads_the_models_with_threads_that_do_not_spin():
    """Spinning threads took half of the CPU time of everything else on the same cores."""
    reader = Reader()
    reader.warm_up()
    models = reader._models()
    for model in (models.text_det, models.text_rec):
        options = model.session.session.get_session_options()
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize("seed", range(4))
def test_a_receipt_is_read_completely_with_tight_boxes(reader, seed):
    sample = DRAW["receipt"](seed)
    page = reader.read(sample.picture.image)
    assert tuple(line.text for line in page.lines) == sample.truth.lines
    scores = [overlap(segment.box, box) for segment, box in zip(page.segments, sample.truth.boxes, strict=True)]
    assert min(scores) > 0.8
    assert np.mean(scores) > 0.9


def test_a_till_roll_of_a_hundred_lines_is_read(reader):
    chance = random.Random(7)
    stock = "Apples Basil Carrots Dates Eggs Flour Garlic Honey Jam Kale Lemons Milk Nuts Oats Pears Rice".split()
    truth = [
        (f"{chance.choice(stock)} {chance.choice(stock)}", f"{chance.randint(1, 99)}.{chance.randint(10, 99)}")
        for _ in range(100)
    ]
    roll = draw((420, 8400), rows(20, 83, (20, 320), truth, height=22))
    lines = [line.text.split("    ") for line in reader.read(roll).lines]
    assert len(lines) == 100
    assert sum(row == list(true_row) for row, true_row in zip(lines, truth, strict=True)) >= 98


def test_long_lines_are_read_completely_and_only_once(reader):
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    wide = draw((3000, 400), [(40, 60 + 90 * i, f"{i}00 {words}", 60) for i in range(3)])
    assert [line.text for line in reader.read(wide).lines] == [f"{i}00 {words}" for i in range(3)]


def test_two_columns_of_prose_are_read_one_after_the_other(reader):
    text = "The quick brown fox jumps over the lazy dog and runs on into the deep dark wood to sleep".split()
    lines = [" ".join(text[i : i + 4]) for i in range(0, 16, 4)]
    items = [(x, 40 + 50 * i, line, 28) for x in (30, 520) for i, line in enumerate(lines)]
    assert [line.text for line in reader.read(draw((1000, 280), items)).lines] == lines * 2


def test_labels_without_a_space_before_their_values_are_found(reader):
    lines = ("Harbour Clinic", "DOB:04/11/1957", "Patient:Maria Lopez", "Room:12B", "Total:12.50 EUR", "Time:10:30")
    page = reader.read(draw((500, 360), [(30, 20 + 55 * i, line, 26) for i, line in enumerate(lines)]))
    asked = {"DOB": "04/11/1957", "patient": "Maria Lopez", "room": "12B", "total": "12.50 EUR", "time": "10:30"}
    found = {name: find(page, f"What is the {name}?") for name in asked}
    assert {name: hit.value for name, hit in found.items()} == asked
    assert found["DOB"].box[0] > 30 + 50, "the box is that of the value alone"


def test_light_text_on_a_dark_background_is_read(reader):
    dark = draw((500, 120), [(30, 40, "Open until 22:00", 36)], paper=(20, 24, 40), ink=(240, 230, 200))
    assert reader.read(dark).text == "Open until 22:00"


def test_questions_about_a_picture_of_a_bill_are_answered(reader):
    table = [("Account number", "7730 2214"), ("Electricity used", "412 kWh"), ("Amount due", "$96.37")]
    page = reader.read(draw((760, 330), [(40, 30, "City Power", 40), *rows(120, 60, (40, 460), table, 28)]))
    assert find(page, "How much electricity was used?").value == "412 kWh"
    assert find(page, "What is the amount due?").value == "$96.37"
    assert find(page, "Which company sent it?").value == "City Power"


@pytest.mark.parametrize(
    "image", [Image.new("RGB", (500, 400), "white"), Image.effect_noise((400, 300), 60).convert("RGB")]
)
def test_a_picture_without_text_gives_no_text(reader, image):
    assert reader.read(image).text == ""


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (30, 30)])
def test_tiny_pictures_give_no_lines(reader, size):
    assert reader.read(Image.new("RGB", size, "white")).lines == ()


def test_reading_stops_on_request(reader, receipt):
    stop_signals = iter([False, False, True])
    page = unread(receipt.picture.image)
    with pytest.raises(Stopped):
        reader.read(page, stop=lambda: next(stop_signals))
    assert len(reader.read(page).lines) == len(receipt.truth.lines), "the next read is complete"


def test_a_page_that_was_read_before_comes_from_the_cache(reader, receipt):
    pages, stop_checks = [unread(receipt.picture.image) for _ in range(2)], []
    first = [reader.read(page, stop=lambda: stop_checks.append(1)) for page in pages]
    count = len(stop_checks)
    assert [reader.read(page.copy(), stop=lambda: stop_checks.append(1)) for page in pages] == first
    assert len(stop_checks) == count > 2


def test_the_cache_keeps_only_the_latest_pages(reader):
    page, other = (draw((200, 60), [(10, 10, word, 30)]) for word in ("Kestrel", "Merlin"))
    reader.read(page)
    stop_checks = []
    for _ in range(40):
        reader.read(unread(other))
    assert reader.read(page, stop=lambda: stop_checks.append(1)).text == "Kestrel"
    assert stop_checks


def test_a_page_without_text_is_not_cached(reader):
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (364, 644, 3), np.uint8))
    reader.read(noise)
    assert not any(shape == (364, 644, 3) for shape, _ in reader._pages)


def test_small_text_on_a_large_page_is_read(reader):
    lines = [f"Lot {i}: {7 * i} barrels of tar" for i in range(12)]
    page = draw((3000, 4000), [(200 + 90 * i, 200 + 310 * i, line, 24) for i, line in enumerate(lines)])
    assert [line.text for line in reader.read(page).lines] == lines


def test_a_jpeg_of_poor_quality_is_read(reader, receipt):
    buffer = io.BytesIO()
    receipt.picture.image.save(buffer, "JPEG", quality=25)
    assert tuple(line.text for line in reader.read(Image.open(buffer)).lines) == receipt.truth.lines


# -- text that is not upright --------------------------------------------------------------------------------------

NOTICE = ["Ferry times for Sunday", "First boat at 07:45", "Bicycles travel free", "Dogs on the lead, please", "Pier 9"]
QUARTERS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}


def notice():
    return draw((640, 330), [(30, 30 + 58 * i, line, 30) for i, line in enumerate(NOTICE)])


@pytest.mark.parametrize("quarters", QUARTERS)
def test_a_rotated_page_is_read_in_its_own_order(reader, quarters):
    upright, rotated = reader.read(notice()), reader.read(notice().transpose(QUARTERS[quarters]))
    assert [line.text for line in rotated.lines] == NOTICE
    for before, after in zip(upright.segments, rotated.segments, strict=True):
        x, y = (before.box[0] + before.box[2]) / 2, (before.box[1] + before.box[3]) / 2
        expected = {1: (y, 640 - x), 2: (640 - x, 330 - y), 3: (330 - y, x)}[quarters]
        assert ((after.box[0] + after.box[2]) / 2, (after.box[1] + after.box[3]) / 2) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize("text", ["KEEP THIS SIDE DOWN", "Fragile: glass bottles"])
def test_a_single_upside_down_line_is_read(reader, text):
    page = draw((640, 260), [(30, 30, "Crate 17 of 20 for Hamburg", 30), (30, 180, "Received on 4 June", 30)])
    page.paste(draw((640, 60), [(60, 10, text, 30)]).transpose(Image.Transpose.ROTATE_180), (0, 100))
    assert [line.text for line in reader.read(page).lines] == ["Crate 17 of 20 for Hamburg", text, "Received on 4 June"]


@pytest.mark.parametrize("title", ["Speed (km/h)", "Number of passengers"])
def test_the_vertical_title_of_an_axis_is_read(reader, title):
    chart = draw((640, 420), [(70, 20 + 80 * i, str(90 - 10 * i), 24) for i in range(5)] + [(300, 370, "Hours", 24)])
    chart.paste(draw((300, 40), [(10, 5, title, 24)]).transpose(Image.Transpose.ROTATE_90), (10, 60))
    texts = [segment.text for segment in reader.read(chart).segments]
    assert sorted(texts) == sorted([title, "Hours", *(str(90 - 10 * i) for i in range(5))])


def test_short_words_on_a_sideways_page_are_read(reader):
    table = [("Nails", "80", "4.20"), ("Screws", "60", "9.81"), ("Bolts", "16", "8.06")]
    page = draw((600, 200), rows(20, 56, (30, 300, 450), table, 26)).transpose(Image.Transpose.ROTATE_270)
    assert [line.text.split() for line in reader.read(page).lines] == [list(row) for row in table]


@pytest.mark.parametrize(
    ("items", "lines"),
    [
        (
            [(40 + 80 * j, 20 + 60 * i, str(3 * i + j), 36) for i in range(3) for j in range(3)],
            ["0 1 2", "3 4 5", "6 7 8"],
        ),
        ([(40, 10, "1", 60), (140, 10, "1", 60), (40, 100, "1", 60)], ["1 1", "1"]),
        ([(40, 20, "80", 36), (40, 120, "96", 36)], ["80", "96"]),
    ],
)
def test_upright_digits_are_not_rotated(reader, items, lines):
    assert [" ".join(line.text.split()) for line in reader.read(draw((300, 220), items)).lines] == lines


def test_one_vertical_text_does_not_rotate_the_whole_page(reader):
    page = draw((300, 700), [(60, 20, "Menu", 30), (150, 640, "2024", 24)])
    page.paste(draw((560, 60), [(10, 5, "HOTEL ADRIATIC ROOMS", 36)]).transpose(Image.Transpose.ROTATE_270), (20, 80))
    assert [line.text for line in reader.read(page).lines] == ["Menu", "HOTEL ADRIATIC ROOMS", "2024"]


def test_unreliable_text_is_returned_with_a_warning(endpoint):
    mirrored = notice().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert "I am not sure of this text" in endpoint.ask("Read all the text.", mirrored).text
    assert "I am not sure" not in endpoint.ask("Read all the text.", notice()).text
