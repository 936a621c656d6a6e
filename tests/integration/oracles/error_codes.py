"""The errors that botocore documents for operations of AWS, with the status of each answer.

usage: error_codes.py FILE

FILE names the operations by service; what it says of their errors is ignored. The new file is written to stdout.
"""

import json
import sys

from botocore.loaders import Loader


def status(shape):
    """`httpStatusCode` where the model has it; else AWS JSON answers 500 for a fault of the server, and 400."""
    return shape.get("error", {}).get("httpStatusCode", 500 if shape.get("fault") else 400)


def errors(service, operations):
    model = Loader().load_service_model(service, "service-2")
    found = {}
    for operation in sorted(operations):
        shapes = [error["shape"] for error in model["operations"][operation].get("errors", [])]
        found[operation] = {shape: status(model["shapes"][shape]) for shape in sorted(shapes)}
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        known = json.load(file)
    print(json.dumps({service: errors(service, known[service]) for service in sorted(known)}, indent=1))


main()
