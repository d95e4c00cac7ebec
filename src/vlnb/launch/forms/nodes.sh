# One model over $NODES nodes: run this on every one, with RANK=0 on the first, 1 on the second, and so on. HEAD is the
# address of the first, which alone answers, on port $PORT. The nodes trust each other: keep port $PEERS inside the cluster.
$COMMAND \
  --node-rank "${RANK:?set it: 0 on the first node, 1 on the second}" --dist-init-addr "${HEAD:?set it to the first node}:$PEERS"
