"""The embedded engine locates text and compares pictures; it is asked over HTTP, like a model."""

import io
import json

import pytest
from PIL import Image, ImageDraw, ImageFont

from vlnb import catalog, images, prompts, samples
from vlnb.accuracy import reading
from vlnb.regions import match


def ask(endpoint, prompt, *pictures, **options):
    return endpoint.ask(prompt, *pictures, **options)


@pytest.mark.parametrize("level", ["text", "line", "word"])
def test_text_is_spotted_in_its_true_boxes(endpoint, receipt, level):
    reply = ask(endpoint, prompts.spot_text(level), receipt.picture)
    regions = reply.regions
    assert not regions.repairs
    assert not regions.dropped
    text = ("\n" if level != "word" else " ").join(box.text for box in regions.boxes)
    if level != "word":
        assert min(line.similarity for line in reading.lines(text, receipt.truth.lines)) > 0.9
    if level == "text":
        result = match(regions.boxes, receipt.truth.boxes)
        assert (result.precision, result.recall) == (1, 1)
        assert result.mean_iou > 0.85
    else:
        assert len(regions.boxes) == {"line": 7, "word": 19}[level]


@pytest.mark.parametrize(
    ("prompt", "field", "text"),
    [
        (prompts.locate("the grand total"), "grand_total", "17,000"),
        (prompts.locate("the change due"), "change_due", "3,000"),
        ("Where is the cash? Output its bbox coordinates in JSON format.", "cash", "20,000"),
        ('Find the text "CINNAMON SUGAR" and return its bounding box.', "item", "CINNAMON SUGAR"),
        ('Detect "Auntie Anne\'s", output bbox_2d', "shop", "Auntie Anne's"),
    ],
)
def test_a_named_field_or_a_quoted_text_is_located(endpoint, receipt, prompt, field, text):
    (box,) = ask(endpoint, prompt, receipt.picture).boxes
    assert box.text == text
    assert match([box], [receipt.truth.fields[field]]).mean_iou > 0.8


def test_points_are_returned_in_xml_and_in_json(endpoint, receipt):
    truth = receipt.truth.fields["change_due"]
    for prompt in (prompts.points("change due"), "Point to the change due. Output point_2d in JSON."):
        (point,) = ask(endpoint, prompt, receipt.picture).regions.points
        assert truth.x1 < point.x < truth.x2
        assert truth.y1 < point.y < truth.y2


def test_every_occurrence_of_a_quoted_text_is_found(endpoint, receipt):
    assert len(ask(endpoint, prompts.points('"17,000"'), receipt.picture).regions.points) == 3


def test_a_page_is_returned_as_html_with_boxes(endpoint, receipt):
    page = ask(endpoint, prompts.document(), receipt.picture)
    assert page.text.startswith("```html")
    assert len(page.boxes) == 11
    assert "Auntie Anne's" in {box.text for box in page.boxes}


@pytest.mark.parametrize("thing", ["dog", "red taxi", "person with a hat"])
def test_things_that_are_not_text_are_declined_by_name(endpoint, receipt, thing):
    reply = ask(endpoint, prompts.detect(thing), receipt.picture)
    assert "I am not Qwen2.5-VL" in reply.text
    assert thing.split()[0] in reply.text
    assert len(reply.regions) == 0
    assert reply.regions.boxes == ()


def test_markup_on_the_picture_is_escaped(endpoint):
    image = Image.new("RGB", (900, 120), "white")
    ImageDraw.Draw(image).text((30, 40), "<b>SALE</b> & more", font=ImageFont.load_default(40), fill="black")
    reply = ask(endpoint, prompts.document(), image)
    assert "<b>" not in reply.text.replace("<body>", "")
    assert "&amp;" in reply.text


def test_extracted_fields_are_filled_in_and_unknown_ones_are_empty(endpoint, receipt):
    reply = ask(endpoint, prompts.extract(["shop", "grand_total", "cash", "colour of the sky"]), receipt.picture)
    assert '"shop": "Auntie Anne\'s"' in reply.text
    assert '"grand_total": "17,000"' in reply.text
    assert '"colour of the sky": ""' in reply.text


def test_a_form_in_a_prompt_is_filled_in_by_the_rules_for_a_schema(endpoint):
    form = samples.form()
    reply = ask(endpoint, prompts.extract([*form.truth.fields, "phone"]), form.picture)
    printed = {name: box.text for name, box in form.truth.fields.items()}
    assert json.loads(reply.text.strip("`json \n")) == {**printed, "phone": ""}, "the box of the phone is empty"


# -- five pages, of five sizes -------------------------------------------------------------------------------------


def page(width, height, size, rows):
    """Return a page of this size, and the tight boxes of its lines."""
    from vlnb.regions import Box

    image = Image.effect_noise((width, height), 10).point(lambda grey: 248 - abs(128 - grey) // 2).convert("RGB")
    pen, font, truth = ImageDraw.Draw(image), ImageFont.load_default(size), []
    for i in range(rows):
        at = (width * 0.06, (i + 0.35) * height / rows)
        words = f"Line {i + 1}: {12 * i + 7} parcels"
        pen.text(at, words, font=font, fill=(30, 30, 34))
        truth.append(Box(*pen.textbbox(at, words, font=font), text=words))
    return image, truth


def sideways_photo(image):
    """Return the file of a photo taken with the camera held sideways."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


PAGES = {
    "small": (400, 300, 22, 5),
    "720p": (1280, 720, 34, 8),
    "12 megapixels": (4000, 3000, 90, 14),
    "tall 1:20": (420, 8400, 24, 40),
    "turned by EXIF": (1500, 2000, 48, 16),
}


@pytest.mark.parametrize("name", PAGES)
def test_boxes_match_the_text_at_every_page_size(endpoint, name):
    image, truth = page(*PAGES[name])
    source = sideways_photo(image) if name == "turned by EXIF" else image
    reply = ask(endpoint, prompts.spot_text("line"), source, max_tokens=8000)
    assert reply.pictures[0].original_size == image.size
    result = match(reply.boxes, truth)
    assert result.recall == 1
    assert result.mean_iou >= 0.85


def test_boxes_of_a_downscaled_picture_are_in_original_pixels(endpoint):
    image, truth = page(*PAGES["12 megapixels"])
    data = io.BytesIO()
    image.save(data, "JPEG", quality=92)
    reply = ask(endpoint, prompts.spot_text("line"), data.getvalue(), max_pixels=2000 * 784)
    assert reply.seen_sizes[0] == images.smart_resize(4000, 3000, max_pixels=2000 * 784)
    assert match(reply.boxes, truth).mean_iou >= 0.85


# -- comparing -----------------------------------------------------------------------------------------------------


def test_two_pictures_are_compared_by_text_and_size(endpoint):
    reply = ask(endpoint, catalog.COMPARE_EXAMPLE.prompt, samples.chart().picture, samples.shelf().picture)
    for part in ("Picture 1 has 952 x 588", "Picture 2 has 1008 x 756", "“HONEY”", "not Qwen2.5-VL"):
        assert part in reply.text
    assert "no text in common" in reply.text
    assert reply.regions is None


def test_which_picture_has_the_larger_value_is_answered_with_the_value_of_each(endpoint, receipt):
    bill = Image.new("RGB", (500, 300), "white")
    ImageDraw.Draw(bill).text((40, 40), "Tea      4.50\nTotal   24.50", fill="black", font_size=40)
    text = ask(endpoint, "Which one has the larger total?", bill, receipt.picture).text
    assert "Picture 1: 24.50" in text
    assert "Picture 2: 17,000" in text
    assert "do not compare them" in text
    unanswered = ask(endpoint, "Which one has the taller tree, or more birds?", bill, receipt.picture).text
    assert "I found no text that answers this" in unanswered


def test_a_comparison_keeps_the_order_of_the_pictures(endpoint):
    chart, shelf = samples.chart().picture, samples.shelf().picture
    forward = ask(endpoint, "What is the difference between these pictures?", chart, shelf).text
    reversed_order = ask(endpoint, "What is the difference between these pictures?", shelf, chart).text
    assert forward.index("952 x 588") < forward.index("1008 x 756")
    assert reversed_order.index("1008 x 756") < reversed_order.index("952 x 588")


def test_a_comparison_of_equal_pictures_finds_only_common_text(endpoint, receipt):
    text = ask(endpoint, "Compare these images.", receipt.picture, receipt.picture).text
    assert "it alone" not in text
    assert "All of them say “Auntie Anne's”" in text


def test_a_located_value_names_its_picture_among_several(endpoint, receipt):
    text = ask(endpoint, prompts.locate("the grand total"), receipt.picture, samples.chart().picture).text
    assert text.index("Picture 1:") < text.index("17,000") < text.index("Picture 2:")
