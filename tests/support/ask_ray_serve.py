"""The deployment of examples/ray_serve.py on a Ray of this machine, asked over HTTP.

    python -m tests.support.ask_ray_serve PORT    bodies as a JSON list on standard input

Prints a JSON list: status and answer of each.
"""

import json
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ray
from ray import serve

from examples.ray_serve import app

ADDRESS = "127.0.0.1"


def main(port: int) -> None:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": ADDRESS, "port": port})
    serve.run(app)

    def ask(body: Any) -> tuple[int, Any]:
        content = json.dumps(body).encode()
        request = urllib.request.Request(f"http://{ADDRESS}:{port}/", content)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, json.load(sys.stdin)))
    serve.shutdown()
    ray.shutdown()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
