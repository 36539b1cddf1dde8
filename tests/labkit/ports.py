# SPDX-License-Identifier: Apache-2.0
"""Free ports of the loopback interface."""

import random
import socket

# Below the range from which the kernel takes ports for outgoing connections (32768 on): such a port
# cannot be taken between our look and the server's bind except by another server.
LOWEST, HIGHEST = 20000, 32000
TRIES = 200


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free(count):
    """This many different free ports."""
    found = set()
    for _ in range(TRIES):
        port = random.SystemRandom().randrange(LOWEST, HIGHEST)
        if port not in found and is_free(port):
            found.add(port)
        if len(found) == count:
            break
    return list(found)
