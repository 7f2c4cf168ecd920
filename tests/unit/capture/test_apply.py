"""Applying with a runner that plays iptables, and for real in throwaway network namespaces, as root and as an ordinary user's root."""

import base64
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Sequence

import pytest

from ostria.capture.apply import Applied, CaptureError, Ran, apply, remove
from ostria.capture.config import CaptureConfig, InterceptionMode
from ostria.capture.rules import rules

RULES = rules(CaptureConfig(ipv6=False))


class Programs:
    """A machine that has only the programs named; remembers what was run."""

    def __init__(self, *present: str) -> None:
        self.present = present
        self.ran: list[list[str]] = []

    def __call__(self, argv: Sequence[str], stdin: str) -> Ran:
        self.ran.append(list(argv))
        return Ran(0, "", "") if argv[0] in self.present else Ran(127, "", f"{argv[0]}: not found")


def test_the_first_variant_that_works_is_used() -> None:
    machine = Programs("iptables-legacy-restore", "iptables-legacy-save")
    assert apply(RULES, machine) == Applied(variant="legacy")


def test_when_none_works_the_error_tells_what_each_said() -> None:
    with pytest.raises(CaptureError, match=r"iptables-nft-restore: not found.*iptables-legacy-restore: not found"):
        apply(RULES, Programs())


def test_a_clean_namespace_needs_two_programs_only() -> None:
    machine = Programs("iptables-nft-restore", "iptables-nft-save")
    apply(RULES, machine)
    assert [argv[0] for argv in machine.ran] == ["iptables-nft-save", "iptables-nft-restore"]


INSIDE = """
import base64, pickle, sys
from ostria.capture.apply import apply, remove, run
from ostria.capture.rules import rules
import subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
config = pickle.loads(base64.b64decode(sys.argv[1]))
ruleset = rules(config)
variant = apply(ruleset).variant
dash = "-" + variant if variant else ""
def saved():
    return "".join(run([p + dash + "-save"], "").stdout for p in ("iptables", "ip6tables")[: len(ruleset.families)])
def plain(text):
    return [line for line in text.splitlines() if line[:2] == "-A"]
once = plain(saved())
apply(ruleset)
assert plain(saved()) == once, (once, plain(saved()))
expected = sum(len(f.rules) for f in ruleset.families)
assert len(once) == expected, (len(once), expected)
remove(ruleset)
left = plain(saved())
assert left == [] and "ISTIO_" not in saved(), saved()
print(variant, len(once))
"""


def _inside(flags: str, config: CaptureConfig) -> str:
    argv = ["unshare", flags, sys.executable, "-c", INSIDE, base64.b64encode(pickle.dumps(config)).decode()]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


REAL = {
    "default": CaptureConfig(),
    "dns": CaptureConfig(dns_servers=("10.96.0.10", "fd00:96::a"), exclude_interfaces=("net1",)),
    "tproxy": CaptureConfig(mode=InterceptionMode.TPROXY),
    "mark": CaptureConfig(envoy_uid=None, envoy_gid=None, envoy_mark=1337, dns_servers=("10.96.0.10",)),
}


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root")
@pytest.mark.parametrize("name", REAL)
def test_the_kernel_takes_the_rules_twice_and_gives_them_back(name: str) -> None:
    assert _inside("-n", REAL[name])


@pytest.mark.rootless
@pytest.mark.parametrize("name", ["mark", "default"])
def test_rules_work_in_a_user_namespace(name: str) -> None:
    if subprocess.run(["unshare", "-Urn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no unprivileged user namespaces here")
    config = REAL[name] if name == "mark" else CaptureConfig(envoy_uid=0, envoy_gid=0)
    assert "nft" in _inside("-Urn", config)


def test_removing_what_is_not_there_is_no_error() -> None:
    remove(RULES, Programs())
