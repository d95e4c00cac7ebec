"""What SGLang and the Hugging Face processor make of videos: JSON of [width, height, frames, fps] to [n, w, h, tokens].

SGLang's own function is run on a decoder whose frames take no memory, so that long and large videos can be tested.
"""

import asyncio
import json
import sys

import torch
from sglang.srt.multimodal.processors import qwen_vl
from transformers import AutoProcessor

processor = AutoProcessor.from_pretrained(sys.argv[1]).video_processor


class Decoder(qwen_vl.VideoDecoderWrapper):
    def __init__(self, width, height, frames, fps):
        self._shape, self._frames, self._fps = (height, width, 3), frames, fps

    def __len__(self):
        return self._frames

    @property
    def avg_fps(self):
        return self._fps

    def get_frames_as_tensor(self, indices):
        return torch.zeros(1, dtype=torch.uint8).expand(len(indices), *self._shape)

    def __del__(self):
        pass


def resized(video, size, **_):
    return torch.zeros(1, dtype=torch.uint8).expand(*video.shape[:2], *size)


qwen_vl.torchvision.transforms.functional.resize = resized
results = []
for parameters in json.load(sys.stdin):
    video, _ = asyncio.run(qwen_vl.preprocess_video(Decoder(*parameters)))
    count, _, height, width = video.shape
    patches = processor.get_num_of_video_patches(count, height, width, {})
    results.append([count, width, height, patches // 4])
json.dump(results, sys.stdout)
