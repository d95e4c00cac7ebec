#!/bin/bash
#SBATCH --job-name=vlnb
#SBATCH --nodes=$NODES
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=$GPUS
#SBATCH --exclusive
#SBATCH --time=24:00:00
# A copy of the server on each of $NODES nodes, and a router (pip install smg) before them, on port $PORT of the first.
# Submit it with VLNB_API_KEY set: whoever reaches a node can ask its server. Logs: vlnb-JOB-TASK.log, in this folder.
# `python` is one with SGLang for ROCm. Where the cluster has pyxis, give srun a container instead:
#   --container-image=$IMAGE
set -euo pipefail
: "${VLNB_API_KEY:?set it to a secret of your choice}"
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
urls=()
for host in "${hosts[@]}"; do urls+=("http://$host:30000"); done
srun --kill-on-bad-exit=0 --output=vlnb-%j-%t.log \
  $LINE --api-key "$VLNB_API_KEY" &
smg launch --host 0.0.0.0 --port $PORT --prometheus-host 127.0.0.1 --worker-urls "${urls[@]}" \
  --api-key "$VLNB_API_KEY" --control-plane-api-keys "vlnb:vlnb:admin:$VLNB_API_KEY" \
  $ROUTER &
echo "the router: http://${hosts[0]}:$PORT/v1"
wait -n # when all servers or the router have ended, so does the job
