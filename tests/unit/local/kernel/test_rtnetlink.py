"""Links as the kernel really makes them, in a network namespace that goes with the test."""

import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.rootless,
    pytest.mark.skipif(
        subprocess.run(["unshare", "-Urn", "true"], check=False, capture_output=True).returncode != 0,
        reason="no unprivileged user namespaces here",
    ),
]

COMING_AND_GOING = """
import os
from pathlib import Path
from ostria.local.kernel.rtnetlink import Rtnetlink

def hardware_address(link):
    return Path(f"/sys/class/net/{link}/address").read_text().strip()

here = os.open("/proc/self/ns/net", os.O_RDONLY)
with Rtnetlink() as kernel:
    kernel.add_bridge("bridge0", bytes.fromhex("02000af40001"))
    for number in range(20):
        kernel.add_veth(f"port{number}", master="bridge0", peer=f"pod{number}", peer_namespace=here, peer_hardware=bytes([2, 0, 1, 2, 3, number]))
        assert hardware_address(f"pod{number}") == f"02:00:01:02:03:{number:02x}"
        assert hardware_address("bridge0") == "02:00:0a:f4:00:01", f"after {number + 1} ports came"
    for number in range(20):
        kernel.delete_link(f"port{number}")
        assert hardware_address("bridge0") == "02:00:0a:f4:00:01", f"after {number + 1} ports went"
"""


def test_hardware_addresses_stay_while_ports_come_and_go() -> None:
    """Everything on a bridge remembers its address as the router's: were it suddenly another one, packets would go to nobody."""
    script = 'mount -t sysfs sysfs /sys && exec "$@"'
    command = ["unshare", "-Urn", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", COMING_AND_GOING]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
