"""Serve a model in llama.cpp's format, until standard input ends.

python llama.py MODEL.gguf MMPROJ.gguf PORT
"""

import sys

import xllamacpp


def main(model: str, mmproj: str, port: str) -> None:
    options = xllamacpp.CommonParams()
    options.model.path, options.mmproj.path = model, mmproj
    options.mmproj_use_gpu = False
    options.hostnames, options.port, options.n_ctx = ["127.0.0.1"], int(port), 8192
    server = xllamacpp.Server(options)  # kept: it serves while it lives
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
