"""Prints as JSON how the official Dockerfile parser reads each file that is named."""

import json
import sys

import dockerfile


def read(path):
    try:
        commands = dockerfile.parse_file(path)
    except dockerfile.GoParseError as error:
        return {"error": str(error)}
    return {
        "instructions": [
            {
                "keyword": (command.cmd or "").upper(),
                "trigger": command.sub_cmd and command.sub_cmd.upper(),
                "lines": [command.start_line, command.end_line],
                "flags": command.flags,
                "arguments": command.value,
                "is_json": command.json,
            }
            for command in commands
        ]
    }


json.dump({path: read(path) for path in sys.argv[1:]}, sys.stdout)
