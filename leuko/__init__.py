"""leuko: what published tables say about a drug when neutrophils or platelets fall.

`evaluate` applies the rule, `load_protocols` reads the tables, `grade` gives a CTCAE grade. It supports
clinical judgement and never replaces it.
"""

from leuko.evaluation import Result, evaluate
from leuko.grades import grade
from leuko.protocols import load_protocols

__all__ = ["Result", "evaluate", "grade", "load_protocols"]
