# SPDX-License-Identifier: MIT
"""What test programs in Python tell: TAP, as tests/run.py reads it."""
import sys


class Tap:
    """Numbers the cases. A case that fails says why in comment lines before it."""

    def __init__(self):
        self.count = self.failed = 0

    def case(self, name, problems=()):
        """problems: a text each; none: passed."""
        self.count += 1
        self.failed += bool(problems)
        for problem in problems:
            print("# " + str(problem).rstrip("\n").replace("\n", "\n# "))
        print(f"{'not ok' if problems else 'ok'} {self.count} - {name}", flush=True)

    def check(self, name, good, *notes):
        """notes: what to tell when it is not good."""
        self.case(name, () if good else notes or ("it is not so",))

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def end(self):
        """Prints the plan; returns the exit status."""
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed else 0


def skip_all(why):
    """Ends the program: nothing of it can run here."""
    print(f"1..0 # skip {why}")
    sys.exit(0)
