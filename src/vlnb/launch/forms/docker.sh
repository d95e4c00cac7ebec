docker run --rm \
  --name vlnb \
  --device=/dev/kfd --device=/dev/dri \
  --group-add "$(getent group video | cut -d: -f3)" --group-add "$(getent group render | cut -d: -f3)" \
  --ipc=host --shm-size=16g \
  --cap-add=SYS_PTRACE --security-opt seccomp=unconfined \
  --publish $PUBLISHED \
  --volume "$HOME/.cache/huggingface:/root/.cache/huggingface" \
  --env HF_TOKEN \
  $IMAGE \
  $COMMAND
