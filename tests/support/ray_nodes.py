"""A Ray cluster of this machine: a head without CPUs, and nodes of one CPU each.

    python -m tests.support.ray_nodes COUNT

Prints a line of JSON, the cluster's address and the process of each node's raylet; it stays until
standard input ends.
"""

import json
import sys

from ray._private.ray_constants import PROCESS_TYPE_RAYLET
from ray.cluster_utils import Cluster

ADDRESS = "127.0.0.2"
"""Of all nodes: loopback, but not 127.0.0.1, for which Ray takes this machine's address outside."""

NODE = {"node_ip_address": ADDRESS, "include_dashboard": False}


def main(count: int) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **NODE})
    nodes = [cluster.add_node(num_cpus=1, **NODE) for _ in range(count)]
    raylets = [node.all_processes[PROCESS_TYPE_RAYLET][0].process.pid for node in nodes]
    sys.stdout.write(json.dumps({"address": cluster.address, "raylets": raylets}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
