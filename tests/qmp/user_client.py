# SPDX-License-Identifier: MIT
# Talks to a monitor as qmp-shell does: line by line, the greeting first, then the commands of the
# command line, one after the other; events may come between. Prints each result as one line.
import json
import socket
import sys

connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
connection.settimeout(30)
connection.connect(sys.argv[1])
stream = connection.makefile("r", encoding="utf-8", newline="\n")


def message():
    line = stream.readline()
    if not line:
        sys.exit("the monitor closed")
    return json.loads(line)


def command(name, number):
    request = {"execute": name, "id": "user#%d" % number}
    connection.sendall(json.dumps(request).encode("utf-8") + b"\r\n")
    events = []
    while True:
        reply = message()
        if "event" in reply:
            events.append(reply["event"])
            continue
        assert reply["id"] == request["id"], reply
        return reply, events


greeting = message()["QMP"]
print("qemu", greeting["version"]["qemu"]["major"])
for number, name in enumerate(["qmp_capabilities"] + sys.argv[2:]):
    reply, events = command(name, number)
    result = reply.get("return", reply.get("error"))
    size = len(result) if isinstance(result, list) else json.dumps(result, sort_keys=True)
    print(name, size, *events)
