"""Change one object of meshgen's world, as adsload.py asks for it: print the time, then commit.

usage: ads_change.py FOLDER VirtualService|endpoint NUMBER
"""

import re
import sys
import time
from pathlib import Path

CHANGES = {"VirtualService": ("vs-0.yaml", r"(exact: )\S+", "changed-"), "endpoint": ("svc-0.yaml", r"(- address: )\S+", "10.99.0.")}


def main(folder: str, what: str, number: str) -> None:
    name, pattern, value = CHANGES[what]
    path = Path(folder, name)
    text, count = re.subn(pattern, rf"\g<1>{value}{number}", path.read_text(), count=1)
    if not count:
        sys.exit(f"{path} has nothing to change")
    aside = path.with_name(f".{name}.tmp")
    aside.write_text(text)
    print(time.perf_counter(), flush=True)
    aside.rename(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
