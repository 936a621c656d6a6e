#!/usr/bin/env python3
"""Prints the bill of materials of the program: every crate that is compiled into it, as CycloneDX 1.5 JSON
(https://cyclonedx.org/docs/1.5/json/).

usage: scripts/sbom.py VERSION
"""

import json
import subprocess
import sys


def packages():
    """The crates of the program for Linux, by their ids; build scripts and what tests use are not in it."""
    metadata = json.loads(
        subprocess.check_output(
            ["cargo", "metadata", "--locked", "--format-version=1", "--filter-platform=x86_64-unknown-linux-gnu"]
        )
    )
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting, reached = [metadata["resolve"]["root"]], set()
    while waiting:
        package = waiting.pop()
        if package in reached:
            continue
        reached.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    reached.remove(metadata["resolve"]["root"])
    found = [package for package in metadata["packages"] if package["id"] in reached]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def checksums():
    """The checksums of Cargo.lock, by name and version."""
    import tomllib

    with open("Cargo.lock", "rb") as lock:
        locked = tomllib.load(lock)["package"]
    return {(package["name"], package["version"]): package.get("checksum") for package in locked}


def component(package, checksum):
    url = f"pkg:cargo/{package['name']}@{package['version']}"
    described = {"type": "library", "bom-ref": url, "name": package["name"], "version": package["version"], "purl": url}
    if package["license"]:
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return described


def main():
    [version] = sys.argv[1:]
    known = checksums()
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": f"pkg:cargo/chinampa@{version}",
                "name": "chinampa",
                "version": version,
                "purl": f"pkg:cargo/chinampa@{version}",
            }
        },
        "components": [
            component(package, known[(package["name"], package["version"])]) for package in packages()
        ],
    }
    json.dump(document, sys.stdout, indent=1)
    print()


main()
