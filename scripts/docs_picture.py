"""Draw docs/receipt.jpg, the picture in the README, from a real answer of the embedded engine."""

from pathlib import Path

from PIL import ImageDraw, ImageFont

import vlnb

sample = vlnb.samples.receipt()
reply = vlnb.connect(announce=None).ask("What is the grand total?", sample.picture)
value = reply.text.splitlines()[0]
boxes = [vlnb.regions.Box(b.x1, b.y1, b.x2, b.y2, label=f"grand total: {value}") for b in reply.boxes]
image = vlnb.draw.overlay(sample.picture, boxes).image
for box in boxes:
    ImageDraw.Draw(image).text((box.x1, box.y1 - 24), box.label, "#D55E00", ImageFont.load_default(20))
crop = image.crop((40, 40, 600, 640))
crop.save(Path(__file__).parent.parent / "docs" / "receipt.jpg", quality=80)
