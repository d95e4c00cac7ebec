#!/bin/sh
# Real servers for a machine without a GPU (SGLang, `transformers serve`, llama.cpp), in an environment of their own, and
# a tiny checkpoint for them.
#   sh scripts/engine/install.sh FOLDER
# 3.3 GB, about two minutes; a second call finds everything there. The package pins others than the workbook does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
venv=$folder/venv
mkdir -p "$folder"
[ -e "$folder/done-3" ] && exit 0

${PYTHON:-python3} -m venv "$venv"
pip="$venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check"
$pip 'torch==2.13.0' 'transformers==5.19.0' 'tokenizers==0.23.2' 'apache-tvm-ffi==0.1.11' 'compressed-tensors==0.18.0' \
    'numba==0.65.1' 'openai==2.8.0' 'openai-harmony==0.0.4' 'outlines==0.1.11' 'sentencepiece==0.2.1' 'soundfile==0.13.1' \
    'xgrammar==0.2.7' 'llguidance>=1.7.6,<2' 'uvicorn>=0.51' aiohttp anthropic build datasets distro easydict einops \
    fastapi gguf interegular IPython msgspec ninja orjson partial_json_parser pillow prometheus-client psutil py-spy \
    pybase64 python-dateutil python-multipart pyzmq requests scipy setproctitle tiktoken triton uvloop watchfiles xxhash \
    zstandard decord2 'accelerate>=1.15,<2'
$pip --no-deps 'sglang==0.5.23' 'torchvision==0.28.0'
$pip --no-deps --target "$folder/old" 'sglang==0.5.6.post2'
packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp "$here/shims.py" "$packages/vlnb_engine_shims.py"
echo 'import vlnb_engine_shims' >"$packages/vlnb_engine_shims.pth"

$pip --no-deps --target "$folder/vocabulary" dashscope
"$venv/bin/python" "$here/checkpoint.py" "$folder/vocabulary/dashscope/resources/qwen.tiktoken" "$folder/tiny" 2

# llama.cpp, with its server inside the process, and a checkpoint in its format, whose vision tower must be three deep at
# least. The source distribution carries the converter.
$pip --no-deps 'xllamacpp==2026.10.11549'
"$venv/bin/python" -m pip download --quiet --quiet --no-deps --no-binary llama-cpp-python --dest "$folder/llama" \
    'llama-cpp-python==0.3.36'
tar -xzf "$folder/llama/llama_cpp_python-0.3.36.tar.gz" -C "$folder/llama" --strip-components=2 \
    llama_cpp_python-0.3.36/vendor/llama.cpp
"$venv/bin/python" "$here/checkpoint.py" "$folder/vocabulary/dashscope/resources/qwen.tiktoken" "$folder/tiny-4" 4
convert="$venv/bin/python $folder/llama/llama.cpp/convert_hf_to_gguf.py $folder/tiny-4 --outtype f16"
$convert --outfile "$folder/tiny.gguf"
$convert --mmproj --outfile "$folder/tiny.mmproj.gguf"
touch "$folder/done-3"
