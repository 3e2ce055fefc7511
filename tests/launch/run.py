#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs one test class, FILE.Class, and tells of it as GoogleTest does, for scripts/check-skips."""

import sys
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))


def title(test):
    """Class.method; of a class that was skipped as a whole, Class.all."""
    parts = test.id().split(".")
    if "setUpClass" in parts[0]:
        return parts[-1].rstrip(")") + ".all"
    return ".".join(parts[-2:])


class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        print(f"[ RUN      ] {title(test)}", flush=True)

    def line(self, word, test):
        took = int((time.monotonic() - getattr(self, "began", time.monotonic())) * 1000)
        print(f"[{word:>10}] {title(test)} ({took} ms)", flush=True)

    def addSuccess(self, test):
        self.line("OK ", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(self.failures[-1][1])
        self.line("FAILED  ", test)

    def addError(self, test, err):
        super().addError(test, err)
        print(self.errors[-1][1])
        self.line("FAILED  ", test)

    def addSubTest(self, test, subtest, err):
        """Of the parts of a test only those that fail are told; unittest calls no other method."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            print(self._exc_info_to_string(err, subtest))
            self.line("FAILED  ", subtest)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(reason)
        self.line("SKIPPED ", test)


def main(names):
    if not names:
        print(__doc__, file=sys.stderr)
        return 2
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = Result()
    suite.run(result)
    print(f"{result.testsRun} tests, {len(result.skipped)} skipped")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
