"""What the embedded engine calls itself, so that nobody takes it for what it is not."""

MODEL = "vlnb-embedded-ocr"
WHO = "I am vlnb's embedded engine: I read text on this CPU. I am not Qwen2.5-VL"
