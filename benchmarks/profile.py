"""Where the control plane's time goes under load: `python -m benchmarks.profile cold|VirtualService|endpoint [--proxies N] [--mixed] [--vhds]`.

Two accounts of the same seconds. The kernel's: CPU time of each thread, among them gRPC's own, which no Python profiler sees. py-spy's
(`pip install py-spy`, needed for this only): samples of the Python threads, each booked to the innermost function of Ostria on its stack.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import machine
from benchmarks.ads import CHANGE, PATIENCE, TOOLS, control_plane, tool
from benchmarks.ads_change import CHANGES
from benchmarks.processes import thread_cpu_seconds

RATE = 250
TOP = 20
REPEAT = 10
WAITING = "EpollSelector.select "
COMPILED = {
    "events: Handle._run": "gRPC's compiled code, called by the event loop",
    "threading: Thread.run": "gRPC's compiled code, in its polling thread",
}
MARKERS = {"VirtualService": "changed-{n}", "endpoint": "10.99.0.{n}"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description="Where the control plane's time goes under load.")
    parser.add_argument("what", choices=("cold", *CHANGES))
    parser.add_argument("--proxies", type=int, default=1000)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--expect", type=int, help="proxies that a change reaches (default: all)")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--vhds", action="store_true")
    arguments = parser.parse_args()
    spy = shutil.which("py-spy", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    if spy is None:
        print("error: py-spy is not installed\nhint: pip install py-spy", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="ostria-bench-") as folder:
        taken = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        print(f"python -m benchmarks.profile {' '.join(sys.argv[1:])}\ncommit {machine.commit()}, {taken}, load average {machine.load()}")
        print("\n".join(_profile(spy, arguments, Path(folder))))
    return 0


def _profile(spy: str, arguments: argparse.Namespace, folder: Path) -> Iterator[str]:
    world, stacks, begun = folder / "world", folder / "stacks", folder / "begun"
    mixed = ["--mixed"] if arguments.mixed else []
    tool("meshgen.py", str(world), "--services", str(arguments.services), *mixed, json_out=False)
    with control_plane(world, folder) as (pids, target):
        load = [
            sys.executable,
            str(TOOLS / "adsload.py"),
            target,
            *mixed,
            *(["--vhds"] if arguments.vhds else []),
            "--timeout",
            str(PATIENCE),
        ]
        load += ["--proxies", str(arguments.proxies), "--services", str(arguments.services), "--settle", "0.5"]
        if arguments.what == "cold":
            with _sampled(spy, pids[0], stacks) as used:
                subprocess.run(load, check=True, cwd=TOOLS, stdout=subprocess.DEVNULL, timeout=2 * PATIENCE)
        else:
            change = f"touch {begun}; sleep 1; {sys.executable} {CHANGE} {world} {arguments.what} {{n}}"
            load += ["--change", change, "--marker", MARKERS[arguments.what], "--repeat", str(REPEAT)]
            load += ["--expect", str(arguments.expect or arguments.proxies)]
            with subprocess.Popen(load, cwd=TOOLS, stdout=subprocess.DEVNULL) as running:
                try:
                    while not begun.exists() and running.poll() is None:
                        time.sleep(0.05)
                    with _sampled(spy, pids[0], stacks) as used:
                        running.wait(2 * PATIENCE)
                finally:
                    running.kill()
        yield from _report(used, stacks.read_text().splitlines())


@contextlib.contextmanager
def _sampled(spy: str, pid: int, stacks: Path) -> Iterator[dict[str, float]]:
    """Give the CPU seconds of each kind of thread, filled in at the end; stacks go to the file."""
    used: dict[str, float] = {}
    command = [
        spy,
        "record",
        "--pid",
        str(pid),
        "--output",
        str(stacks),
        "--format",
        "raw",
        "--rate",
        str(RATE),
        "--function",
        "--full-filenames",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as spying:
        time.sleep(0.5)
        before = thread_cpu_seconds(pid)
        try:
            yield used
        finally:
            used.update({name: seconds - before.get(name, 0.0) for name, seconds in thread_cpu_seconds(pid).items()})
            spying.send_signal(signal.SIGINT)
            spying.wait(60)


def _report(used: Mapping[str, float], stacks: Iterable[str]) -> Iterator[str]:
    whole = sum(used.values())
    yield f"{whole:.2f} s of CPU time, by thread:"
    yield from (
        f"  {seconds / whole:6.1%}  {name}" for name, seconds in sorted(used.items(), key=lambda each: -each[1]) if seconds / whole > 0.005
    )
    rooms, functions = Counter[str](), Counter[str]()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        if frames.rpartition(";")[2].startswith(WAITING):
            continue
        room, function = _owner(frames.split(";"))
        rooms[room] += int(count)
        functions[function] += int(count)
    samples = rooms.total() or 1
    yield f"{samples} samples of the Python threads, by room:"
    yield from (f"  {count / samples:6.1%}  {name}" for name, count in rooms.most_common(TOP) if count / samples > 0.005)
    yield "… by function:"
    yield from (f"  {count / samples:6.1%}  {name}" for name, count in functions.most_common(TOP))


def _owner(frames: list[str]) -> tuple[str, str]:
    """The innermost function of ours, and whose it called where that is somebody else's."""
    inner = _name(frames[-1])
    ours = next((n for n in range(len(frames) - 1, -1, -1) if "/ostria/" in frames[n] and "/ostria/cli/" not in frames[n]), None)
    if ours is None:
        return "gRPC and asyncio", COMPILED.get(inner, inner)
    module = frames[ours].rpartition("/ostria/")[2].rpartition(".py")[0]
    called = f" → {inner}" if ours < len(frames) - 1 else ""
    return module.rpartition("/")[0] or module, f"{module}: {frames[ours].partition(' ')[0]}{called}"


def _name(frame: str) -> str:
    """`grpc/aio/…: function` of `function (/long/path/grpc/aio/….py:12)`."""
    function, _, at = frame.partition(" (")
    path = at.rpartition(".py")[0]
    return f"{path.partition('site-packages/')[2] or Path(path).name}: {function}"


if __name__ == "__main__":
    sys.exit(main())
