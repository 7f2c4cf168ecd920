"""Our own page `/debug/problems`: everything that keeps the mesh from being what its files say, each with file and line.

Refused objects, references that lead nowhere, resources that could not be built, and what proxies refused: `ostria status` shows them.
"""

from ostria.discovery.debug.inspection import Inspection
from ostria.discovery.debug.streams import Json, refusals


def problems(inspection: Inspection) -> Json:
    snapshot = inspection.snapshot()
    return {
        "version": str(snapshot.version),
        "objects": [
            {
                "at": each.where,
                "object": str(each.key) if each.key else "",
                "severity": each.severity.value,
                "field": each.field,
                "message": each.message,
                "hint": each.hint,
            }
            for each in inspection.problems()
        ],
        "dangling": [
            {
                "object": str(each.owner),
                "rule": each.owner.rule,
                "at": inspection.locate(each.owner),
                "kind": each.kind,
                "name": each.name,
                "message": each.text,
                "hint": each.hint,
            }
            for each in snapshot.dangling()
        ],
        "builds": [
            {"message": words, "origins": [{"object": str(key), "at": inspection.locate(key)} for key in origins]}
            for words, origins in inspection.failures()
        ],
        "refused": refusals(inspection.connections(), inspection.locate),
    }
